//! Handling of the server's messages in a session.

use std::mem;

use crate::{
    client::{
        event::{
            CloseReason, Event, Message, RejectReason, RejectedMessage, SendId, Warning, Welcome,
        },
        session::Session,
    },
    strict_room::{
        auditor::{AuditResult, ServerMisbehaved, VerifiedMessage},
        envelope::EnvelopeKind,
        hash_chain::EventKind,
    },
    time::Tick,
    untrusted::Untrusted,
    wire::{
        self,
        server_message::{Cleared, Init, MessageData, ServerMessage, User},
    },
};

/// Maximum number of members that a session tracks. No honest server has more.
const MAX_MEMBERS: usize = 16_384;
/// Maximum history length. No honest server keeps more messages.
const MAX_HISTORY: u64 = 65_536;
/// Maximum size of the history, in bytes of tokens.
const MAX_HISTORY_BYTES: usize = 8 << 20;

/// Progress of the server's `init` and what follows it.
pub(in crate::client) enum InitState {
    /// `init` has not arrived.
    Expected,
    /// Members and messages of the history have not all arrived yet.
    Loading(Loading),
    /// `init`, members and history are complete.
    Done,
}

/// The part of a welcome that has arrived.
#[derive(Default)]
pub(in crate::client) struct Loading {
    members_left: u64,
    messages_left: u64,
    bytes: usize,
    names: Vec<Untrusted>,
    messages: Vec<Message>,
    rejected: Vec<RejectedMessage>,
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
            (ServerMessage::Members(users), InitState::Loading(loading))
                if loading.members_left > 0 =>
            {
                self.hear_members(now, users)
            }
            (ServerMessage::Message(data), InitState::Loading(loading))
                if loading.members_left == 0 =>
            {
                self.hear_history(now, &data)
            }
            (ServerMessage::Members(_), _) | (_, InitState::Loading(_)) => {
                self.end(CloseReason::Tampered)
            }
            (ServerMessage::Message(data), _) => self.hear_message(now, &data),
            (ServerMessage::Joined(user), _) => self.hear_joined(user),
            (ServerMessage::Left { user_id }, _) => {
                if let Some(auditor) = &mut self.auditor {
                    auditor.remove_member(&user_id);
                }
                if let Some(name) = self.members.remove(&user_id) {
                    self.tell(Event::Left(name, self.members.len()));
                }
            }
            (ServerMessage::Cleared(cleared), _) => self.hear_cleared(now, cleared),
            (ServerMessage::Init(_), _) => {}
        }
    }

    fn begin_welcome(&mut self, now: Tick, init: Init) {
        let Init { messages, users, members, history, start } = init;
        self.members.clear();
        let names = users.iter().map(|user| user.name.clone()).collect();
        for user in users {
            self.note(user);
        }
        if history > MAX_HISTORY || members > MAX_MEMBERS as u64 {
            return self.end(CloseReason::Tampered);
        }
        if let (Some(auditor), Some(start)) = (&mut self.auditor, start) {
            auditor.begin_history(start, history);
        }
        self.history = messages.iter().filter_map(|data| data.id.clone()).collect();
        let messages = messages.iter().map(|data| self.open(data)).collect();
        let was_welcome = self.is_welcome();
        self.welcoming = InitState::Loading(Loading {
            members_left: members,
            messages_left: history,
            names,
            messages,
            ..Loading::default()
        });
        self.end_welcome(now, was_welcome);
    }

    /// Handles some of the members that `init` announced. This client is the last of all.
    fn hear_members(&mut self, now: Tick, users: Vec<User>) {
        for user in users {
            let InitState::Loading(loading) = &mut self.welcoming else { return };
            let Some(left) = loading.members_left.checked_sub(1) else {
                return self.end(CloseReason::Tampered);
            };
            loading.members_left = left;
            loading.names.push(user.name.clone());
            self.introduce(&user, left == 0, false);
            if !self.is_only_host(&user) || !self.note(user) {
                return self.end(CloseReason::Tampered);
            }
        }
        self.end_welcome(now, false);
    }

    fn hear_history(&mut self, now: Tick, data: &MessageData) {
        let result = match self.judge(data, EventKind::Message, None) {
            Ok(result) => result,
            Err(ServerMisbehaved) => return self.end(CloseReason::ServerMisbehaved),
        };
        if let InitState::Loading(loading) = &mut self.welcoming {
            loading.messages_left = loading.messages_left.saturating_sub(1);
            loading.bytes += data.token.as_ref().map_or(0, String::len);
            match result {
                Judged::Nothing => {}
                Judged::Message(message) => loading.messages.push(message),
                Judged::Rejected(message) => loading.rejected.push(message),
            }
            if loading.bytes > MAX_HISTORY_BYTES {
                return self.end(CloseReason::Tampered);
            }
        }
        self.end_welcome(now, false);
    }

    /// Emits [`Event::Ready`] once members and history are complete.
    fn end_welcome(&mut self, now: Tick, again: bool) {
        let InitState::Loading(loading) = &mut self.welcoming else { return };
        if loading.members_left > 0 || loading.messages_left > 0 {
            return;
        }
        let Loading { names: members, messages: history, rejected, .. } = mem::take(loading);
        self.welcoming = InitState::Done;
        let (mode, fingerprint) = (self.mode(), self.room.fingerprint());
        self.tell(Event::Ready(Welcome { mode, fingerprint, members, history }));
        self.tell_warnings();
        for rejected in rejected {
            self.tell(Event::Rejected(rejected));
        }
        if !again {
            self.send_pending(now);
        }
        self.leave_if_finished();
    }

    fn hear_message(&mut self, now: Tick, data: &MessageData) {
        if data.id.as_ref().is_some_and(|id| self.history.remove(id)) {
            return;
        }
        match self.judge(data, EventKind::Message, Some(now)) {
            Ok(Judged::Message(message)) => {
                let own = message.own;
                self.tell(Event::Message(message));
                if own.is_some() {
                    self.delivered(now);
                }
            }
            Ok(Judged::Rejected(rejected)) => self.tell(Event::Rejected(rejected)),
            Ok(Judged::Nothing) => {}
            Err(ServerMisbehaved) => self.end(CloseReason::ServerMisbehaved),
        }
    }

    fn hear_joined(&mut self, user: User) {
        let name = user.name.clone();
        if self.members.contains_key(&user.user_id) {
            // A Python server may announce a member twice.
            if self.link.is_some() {
                self.end(CloseReason::Tampered);
            }
            return;
        }
        if !self.is_only_host(&user) {
            return self.end(CloseReason::Tampered);
        }
        self.introduce(&user, false, true);
        if self.note(user) {
            self.tell(Event::Joined(name, self.members.len()));
        }
        self.tell_warnings();
    }

    /// Records the host. Returns `false` for a second one, which an honest server never has.
    fn is_only_host(&mut self, user: &User) -> bool {
        let other = self.host.as_ref().filter(|host| self.members.contains_key(*host));
        let is_only = !user.is_host || other.is_none();
        if user.is_host && is_only {
            self.host = Some(user.user_id.clone());
        }
        is_only
    }

    /// Passes a member's hello to the auditor.
    fn introduce(&mut self, user: &User, is_own: bool, has_joined: bool) {
        if let (Some(auditor), Some(hello)) = (&mut self.auditor, &user.hello) {
            let (user_id, name) = (user.user_id.clone(), user.name.raw());
            auditor.add_member(user_id, name, hello, is_own, has_joined, &self.key);
        }
    }

    fn tell_warnings(&mut self) {
        let warnings = self.auditor.as_mut().map(|auditor| auditor.take_warnings());
        for warning in warnings.into_iter().flatten() {
            self.tell(Event::RoomWarning(warning));
        }
    }

    fn hear_cleared(&mut self, now: Tick, cleared: Cleared) {
        match cleared {
            Cleared::Bare => self.clear_history(None, Vec::new()),
            Cleared::By(name) => self.clear_history(Some(name), Vec::new()),
            Cleared::Proven(data) => match self.judge(&data, EventKind::Cleared, Some(now)) {
                Ok(Judged::Message(Message { text: None, author, .. })) => {
                    let why = RejectReason::Unreadable;
                    self.tell(Event::Rejected(RejectedMessage { author, why }));
                }
                // The event carries the warnings.
                Ok(Judged::Message(message)) => {
                    self.clear_history(Some(message.author), message.doubts);
                }
                Ok(Judged::Rejected(rejected)) => self.tell(Event::Rejected(rejected)),
                Ok(Judged::Nothing) => {}
                Err(ServerMisbehaved) => self.end(CloseReason::ServerMisbehaved),
            },
        }
    }

    fn clear_history(&mut self, by: Option<Untrusted>, doubts: Vec<Warning>) {
        self.history.clear();
        self.tell(Event::HistoryCleared(by, doubts));
    }

    /// Records a member. Returns `false` if it is known, or one too many.
    fn note(&mut self, User { user_id, name, .. }: User) -> bool {
        let is_new = !self.members.contains_key(&user_id) && self.members.len() < MAX_MEMBERS;
        if is_new {
            self.members.insert(user_id, name);
        }
        is_new
    }

    /// Audits a message in a strict room; only decrypts it in a classic room. `live` is the time
    /// of arrival, or `None` for a message of the history.
    fn judge(
        &mut self,
        data: &MessageData,
        event: EventKind,
        live: Option<Tick>,
    ) -> Result<Judged, ServerMisbehaved> {
        let Some(auditor) = &mut self.auditor else { return Ok(Judged::Message(self.open(data))) };
        let live = live.map(|now| self.epoch.unix_seconds(now));
        let result = auditor.audit(data, event, &self.key, live)?;
        self.tell_warnings();
        let author = data.author.clone();
        Ok(match result {
            AuditResult::Repeated => Judged::Nothing,
            AuditResult::Accept(message) if message.kind == EnvelopeKind::Private => {
                Judged::Nothing
            }
            AuditResult::Accept(message) => Judged::Message(self.accept(*message)),
            AuditResult::Unreadable => Judged::Message(Message {
                author,
                sender: None,
                id: data.id.clone().map(Untrusted::new),
                text: None,
                at: data.at,
                own: None,
                doubts: Vec::new(),
            }),
            AuditResult::Reject(why) => Judged::Rejected(RejectedMessage { author, why }),
        })
    }

    fn accept(&mut self, message: VerifiedMessage) -> Message {
        let VerifiedMessage { sender, mid, name, text, at, doubts, is_own, .. } = message;
        let is_pending = |sent: &_| is_own && sent == &Some(mid);
        let own = self.pending.iter().position(|sent| is_pending(&sent.mid));
        let own = own.and_then(|at| self.pending.remove(at)).map(|sent| sent.reference);
        Message {
            author: Untrusted::new(name),
            sender: Some(sender),
            id: Some(Untrusted::new(format!("{}-{}", sender.id, hex::encode(mid)))),
            text: Some(Untrusted::new(text.as_str().to_owned())),
            at,
            own,
            doubts,
        }
    }

    /// Decrypts a message of a classic room.
    fn open(&mut self, data: &MessageData) -> Message {
        let token = data.token.as_deref().unwrap_or_default();
        let opened = self.key.open(token);
        let text = opened.ok().and_then(|opened| {
            let text = std::str::from_utf8(&opened.text).ok()?;
            Some(Untrusted::new(text.to_owned()))
        });
        Message {
            author: data.author.clone(),
            sender: None,
            id: data.id.clone().map(Untrusted::new),
            // A text that nobody can read has not been delivered.
            own: text.is_some().then(|| self.echo(token)).flatten(),
            text,
            at: data.at,
            doubts: Vec::new(),
        }
    }

    /// Removes the pending text that was sent as this token, if any, and returns its number.
    fn echo(&mut self, token: &str) -> Option<SendId> {
        let at = self
            .pending
            .iter()
            .position(|sent| sent.token.as_ref().is_some_and(|(_, own)| own.as_str() == token))?;
        self.pending.remove(at).map(|sent| sent.reference)
    }

    fn delivered(&mut self, now: Tick) {
        if let Some(finishing) = &mut self.finishing {
            finishing.give_up_at = now.saturating_add(finishing.patience);
        }
        self.leave_if_finished();
    }
}

/// What to show of an event.
enum Judged {
    Nothing,
    Message(Message),
    Rejected(RejectedMessage),
}
