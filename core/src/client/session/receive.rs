//! Handling of the server's messages in a session.

use std::mem;

use crate::{
    client::{
        event::{
            CloseReason, Event, Message, PendingMessage, RejectReason, RejectedMessage, SendId,
            Warning, Welcome,
        },
        session::Session,
    },
    strict_room::{
        auditor::{AuditResult, Auditor, ServerMisbehaved},
        envelope::EnvelopeKind,
    },
    time::Tick,
    untrusted::Untrusted,
    wire::{
        self,
        server_message::{Cleared, Init, MessageData, ServerMessage, User},
    },
};

/// Maximum number of members that a session tracks.
const MAX_MEMBERS: usize = 16_384;
/// Maximum history length. No honest server keeps more messages.
const MAX_HISTORY: u64 = 1 << 20;

/// Progress of the server's `init` and the history that follows it.
pub(in crate::client) enum InitState {
    /// `init` has not arrived.
    Expected,
    /// `left` messages of the history have not arrived yet (protocol 2).
    History {
        left: u64,
        names: Vec<Untrusted>,
        messages: Vec<Message>,
        rejected: Vec<RejectedMessage>,
    },
    /// `init` and the history are complete.
    Done,
}

impl Session {
    pub(in crate::client) fn hear(&mut self, now: Tick, message: ServerMessage) {
        let is_sealed = self.link.is_some();
        match (message, &self.welcoming) {
            (ServerMessage::Ping, _) => self.write(&wire::pong()),
            (ServerMessage::Bye { again }, _) => {
                if is_sealed {
                    self.write(&wire::bye());
                }
                self.end(if again {
                    CloseReason::ServerRestarts
                } else {
                    CloseReason::ClosedByServer
                });
            }
            (ServerMessage::Notice(text), _) => self.tell(Event::Notice(text)),
            (ServerMessage::Unknown, _) => {}
            (ServerMessage::Init(init), InitState::Expected) => self.begin_welcome(now, init),
            // A Python server may send `init` again.
            (ServerMessage::Init(init), _) if !is_sealed => self.begin_welcome(now, init),
            // Over a sealed link `init` comes once, before all other messages.
            (ServerMessage::Init(_), _) | (_, InitState::Expected) if is_sealed => {
                self.end(CloseReason::Tampered)
            }
            (ServerMessage::Message(data), InitState::History { .. }) => {
                self.hear_history(now, &data)
            }
            (_, InitState::History { .. }) => self.end(CloseReason::Tampered),
            (ServerMessage::Message(data), _) => self.hear_message(now, data),
            (ServerMessage::Joined(user), _) => self.hear_joined(user),
            (ServerMessage::Left { user_id }, _) => {
                if let Some(name) = self.members.remove(&user_id) {
                    self.tell(Event::Left(name, self.members.len()));
                }
            }
            (ServerMessage::Cleared(cleared), _) => self.hear_cleared(now, cleared),
            (ServerMessage::Init(_), _) => {}
        }
    }

    fn begin_welcome(&mut self, now: Tick, init: Init) {
        let Init { messages, users, history, start } = init;
        self.members.clear();
        let names = users.iter().map(|user| user.name.clone()).collect();
        for user in users {
            self.note(user);
        }
        if history > MAX_HISTORY {
            return self.end(CloseReason::Tampered);
        }
        self.auditor =
            start.map(|start| Auditor::new(self.config.name().clone(), start, &mut self.rng));
        self.history = messages.iter().filter_map(|data| data.id.clone()).collect();
        let messages = messages.iter().map(|data| self.open(data)).collect();
        let welcome = InitState::History { left: history, names, messages, rejected: Vec::new() };
        let was_welcome = self.is_welcome();
        self.welcoming = welcome;
        self.end_welcome(now, was_welcome);
    }

    fn hear_history(&mut self, now: Tick, data: &MessageData) {
        let result = match self.judge(data, EnvelopeKind::Text, None) {
            Ok(result) => result,
            Err(ServerMisbehaved) => return self.end(CloseReason::ServerMisbehaved),
        };
        if let InitState::History { left, messages, rejected, .. } = &mut self.welcoming {
            *left -= 1;
            match result {
                Ok(message) => messages.push(message),
                Err(message) => rejected.push(message),
            }
        }
        self.end_welcome(now, false);
    }

    /// Emits [`Event::Ready`] once the history is complete.
    fn end_welcome(&mut self, now: Tick, again: bool) {
        match mem::replace(&mut self.welcoming, InitState::Done) {
            InitState::History { left: 0, names: members, messages: history, rejected } => {
                let (mode, fingerprint) = (self.mode(), self.fingerprint);
                self.tell(Event::Ready(Welcome { mode, fingerprint, members, history }));
                for rejected in rejected {
                    self.tell(Event::Rejected(rejected));
                }
                if !again {
                    self.send_pending(now);
                }
                self.leave_if_finished();
            }
            unfinished @ (InitState::History { .. } | InitState::Expected | InitState::Done) => {
                self.welcoming = unfinished;
            }
        }
    }

    fn hear_message(&mut self, now: Tick, data: MessageData) {
        if data.id.as_ref().is_some_and(|id| self.history.remove(id)) {
            return;
        }
        match self.judge(&data, EnvelopeKind::Text, Some(now)) {
            Ok(Ok(message)) => {
                let own = message.own;
                self.tell(Event::Message(message));
                if own.is_some() {
                    self.delivered(now);
                }
            }
            Ok(Err(rejected)) => self.tell(Event::Rejected(rejected)),
            Err(ServerMisbehaved) => self.end(CloseReason::ServerMisbehaved),
        }
    }

    fn hear_joined(&mut self, user: User) {
        let name = user.name.clone();
        if let Some(auditor) = &mut self.auditor {
            auditor.record_join(name.raw());
        }
        if self.note(user) {
            self.tell(Event::Joined(name, self.members.len()));
        }
    }

    fn hear_cleared(&mut self, now: Tick, cleared: Cleared) {
        let by = match cleared {
            Cleared::Bare => None,
            Cleared::By(name) => Some(name),
            Cleared::Proven(data) => match self.judge(&data, EnvelopeKind::Clear, Some(now)) {
                Ok(Ok(Message { text: None, author, .. })) => {
                    let why = RejectReason::Unreadable;
                    return self.tell(Event::Rejected(RejectedMessage { author, why }));
                }
                Ok(Ok(message)) => {
                    // The event carries the warnings.
                    let (author, doubts) = (message.author, message.doubts);
                    return self.wiped(Some(author), doubts);
                }
                Ok(Err(rejected)) => return self.tell(Event::Rejected(rejected)),
                Err(ServerMisbehaved) => return self.end(CloseReason::ServerMisbehaved),
            },
        };
        self.wiped(by, Vec::new());
    }

    fn wiped(&mut self, by: Option<Untrusted>, doubts: Vec<Warning>) {
        self.history.clear();
        self.tell(Event::HistoryCleared(by, doubts));
    }

    /// Records a member. Returns `true` if it is new.
    fn note(&mut self, User { user_id, name }: User) -> bool {
        let known = self.members.contains_key(&user_id);
        if known || self.members.len() < MAX_MEMBERS {
            self.members.insert(user_id, name);
        }
        !known
    }

    /// Audits a message in a strict room; only decrypts it in a classic room. `live` is the time
    /// of arrival, or `None` for a message of the history.
    fn judge(
        &mut self,
        data: &MessageData,
        kind: EnvelopeKind,
        live: Option<Tick>,
    ) -> Result<Result<Message, RejectedMessage>, ServerMisbehaved> {
        let Some(auditor) = &mut self.auditor else { return Ok(Ok(self.open(data))) };
        let live = live.map(|now| (now, self.epoch));
        let author = data.author.clone();
        Ok(match auditor.judge(data, kind, &self.key, live)? {
            AuditResult::Accept(accepted) => Ok(Message {
                author: Untrusted::new(accepted.from),
                text: Some(Untrusted::new(accepted.text.as_str().to_owned())),
                at: accepted.at,
                own: self.echo(data),
                doubts: accepted.doubts,
            }),
            AuditResult::Unreadable => {
                Ok(Message { author, text: None, at: data.at, own: None, doubts: Vec::new() })
            }
            AuditResult::Reject(why) => Err(RejectedMessage { author, why }),
        })
    }

    /// Decrypts a message of a classic room.
    fn open(&mut self, data: &MessageData) -> Message {
        let own = self.echo(data);
        let opened = self.key.open(data.token.as_deref().unwrap_or_default());
        let text = opened.ok().and_then(|opened| {
            let text = std::str::from_utf8(&opened.text).ok()?;
            Some(Untrusted::new(text.to_owned()))
        });
        Message { author: data.author.clone(), text, at: data.at, own, doubts: Vec::new() }
    }

    /// Removes the pending text that `data` echoes, if any, and returns its number.
    fn echo(&mut self, data: &MessageData) -> Option<SendId> {
        let token = data.token.as_deref().unwrap_or_default();
        let is_it =
            |sent: &PendingMessage| sent.token.as_ref().is_some_and(|own| own.as_str() == token);
        let at = self.pending.iter().position(is_it)?;
        self.pending.remove(at).map(|sent| sent.reference)
    }

    fn delivered(&mut self, now: Tick) {
        if let Some(finishing) = &mut self.finishing {
            finishing.give_up_at = now.saturating_add(finishing.patience);
        }
        self.leave_if_finished();
    }
}
