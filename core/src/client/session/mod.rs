//! A client in the room.
//!
//! Theory of operation. The session turns the server's lines into events and
//! the person's words into lines. Each text said stays pending until the server
//! has echoed its token: only then has the room heard it. Over protocol 1
//! nothing the server sends can end the session but the end of its stream and a
//! line over [`MAX_LINE`]; over a sealed link everything that an honest server
//! would not send does. What the server's lines do stands in `hearing.rs`, the
//! watch over a strict room in `auditor.rs`.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::Arc,
    time::Duration,
};

use zeroize::Zeroizing;

use crate::{
    client::{
        config::ClientConfig,
        event::{
            CloseReason, Event, Mode, PendingMessage, RoomState, SendError, SendId, SessionEnd,
        },
        rich_markup,
    },
    crypto::fernet::RoomKey,
    fingerprint::Fingerprint,
    room_kind::RoomKind,
    seed::Rng,
    strict_room::{auditor::Auditor, envelope::EnvelopeKind},
    time::Tick,
    transport::frame::Frame,
    transport::keepalive::KeepaliveAction,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    transport::record::{MAX_RECORD, RecordOpener, RecordSealer},
    transport::record_layer::Link,
    untrusted::Untrusted,
    username::Username,
    wire::{self, FernetToken, server_message::ServerMessage},
};

mod receive;

use receive::InitState;

/// The longest line taken from a server of protocol 1, in bytes. Servers of
/// this project send at most [`wire::MAX_LINE`]; a Python server's `init` knows
/// no bound.
pub const MAX_LINE: usize = 4 << 20;
/// A member of a strict room whose own text has not come back for so long is told.
const OVERDUE: Duration = Duration::from_secs(10);

/// The client's side of an established connection.
pub struct Session {
    pub(super) config: Arc<ClientConfig>,
    pub(super) fingerprint: Fingerprint,
    pub(super) key: RoomKey,
    kdf: RoomKind,
    pub(super) link: Option<Link>,
    pub(super) rng: Rng,
    pub(super) welcoming: InitState,
    /// In a strict room, from the welcome on.
    pub(super) auditor: Option<Auditor>,
    pub(super) members: BTreeMap<String, Untrusted>,
    /// Ids of the history: in protocol 1 a message may stand in `init` and in the stream.
    pub(super) history: BTreeSet<String>,
    pub(super) pending: VecDeque<PendingMessage>,
    pub(super) finishing: Option<Draining>,
    ended: bool,
    outputs: VecDeque<SessionOutput>,
}

/// Leaving once everything sent has come back.
pub(super) struct Draining {
    pub(super) patience: Duration,
    pub(super) give_up_at: Tick,
}

/// What a login ends in.
pub(crate) struct Established {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) key: RoomKey,
    pub(crate) kdf: RoomKind,
    /// The ends of the link, where it is sealed.
    pub(crate) link: Option<(RecordSealer, RecordOpener)>,
    pub(crate) now: Tick,
}

/// What is to be done outside, in this order.
#[derive(Debug)]
pub enum SessionOutput {
    /// Write this to the server.
    Send(Frame),
    /// Tell the person.
    Event(Event),
}

/// What [`Session::handle_input`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStatus {
    /// A line; there may be more.
    Line,
    /// Nothing complete: read on.
    NeedsInput,
    /// The session is over.
    Ended,
}

impl Session {
    pub(crate) fn new(
        established: Established,
        unconfirmed: Vec<PendingMessage>,
        rng: Rng,
    ) -> Self {
        let Established { config, fingerprint, key, kdf, link, now } = established;
        Self {
            config,
            fingerprint,
            key,
            kdf,
            link: link.map(|ends| Link::new(ends, now)),
            rng,
            welcoming: InitState::Expected,
            auditor: None,
            members: BTreeMap::new(),
            history: BTreeSet::new(),
            pending: unconfirmed.into(),
            finishing: None,
            ended: false,
            outputs: VecDeque::new(),
        }
    }

    /// The name this client asked for.
    #[must_use]
    pub fn name(&self) -> &Username {
        self.config.name()
    }

    /// What protects this session.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match (self.kdf, &self.link) {
            (RoomKind::Strict, _) => Mode::Strict,
            (RoomKind::Classic, Some(_)) => Mode::Sealed,
            (RoomKind::Classic, None) => Mode::Plaintext,
        }
    }

    /// Takes one line of the server's, or the end of its stream, from `decoder`.
    pub fn handle_input(&mut self, now: Tick, decoder: &mut LineDecoder) -> ReadStatus {
        if self.ended {
            return ReadStatus::Ended;
        }
        let news = match &mut self.link {
            None => read_line(decoder),
            Some(link) => read_record(now, link, self.kdf, decoder),
        };
        match news {
            Ok(Some(news)) => self.hear(now, news),
            Ok(None) => return ReadStatus::NeedsInput,
            Err(ending) => {
                self.end(ending);
                return ReadStatus::Ended;
            }
        }
        ReadStatus::Line
    }

    /// The next thing to be done outside.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// Encrypts `text` and sends it; [`Event::SendFailed`] says if that is not
    /// possible. `reference` is the caller's own, and no other pending text's.
    /// What is said before [`Event::Ready`] goes out with it.
    pub fn send(&mut self, now: Tick, reference: SendId, text: Zeroizing<String>) {
        if self.ended || self.finishing.is_some() {
            self.tell(Event::SendFailed(reference, SendError::Ended));
        } else if text.len() > wire::MAX_TEXT {
            self.tell(Event::SendFailed(reference, SendError::TooLong));
        } else {
            let text = PendingMessage::new(reference, text);
            self.pending.push_back(text);
            self.send_pending(now);
        }
    }

    /// Sends what waits, if the server has said what was said before.
    pub(super) fn send_pending(&mut self, now: Tick) {
        if !self.is_welcome() || self.ended {
            return;
        }
        for mut text in mem::take(&mut self.pending) {
            if text.sent_at.is_none() {
                let Some(token) = self.token(now, &mut text) else {
                    self.tell(Event::SendFailed(text.reference, SendError::TooLong));
                    continue;
                };
                self.write(&wire::message(&token));
                text.token = Some(token);
                text.sent_at = Some(now);
            }
            self.pending.push_back(text);
        }
    }

    /// What `text` travels as. In a classic room what was said before the link
    /// broke has the same token again: should the room have heard it after all,
    /// everybody can tell. In a strict room it is a new envelope, since that
    /// says what its author has heard.
    fn token(&mut self, now: Tick, text: &mut PendingMessage) -> Option<FernetToken> {
        let (seconds, iv) = (self.config.epoch.unix_seconds(now), self.rng.bytes());
        match &mut self.auditor {
            Some(auditor) => {
                auditor.compose(EnvelopeKind::Text, &text.text, &self.key, seconds, iv)
            }
            None => text.token.take().or_else(|| {
                let tame = rich_markup::escape(&text.text);
                FernetToken::new(self.key.seal(seconds, iv, tame.as_bytes()))
            }),
        }
    }

    /// Asks for [`Event::RoomState`].
    pub fn request_fingerprint(&mut self) {
        let view = self.auditor.as_ref().map(|auditor| {
            let (number, view) = auditor.head();
            (number, view.short_code())
        });
        self.tell(Event::RoomState(RoomState { view, fingerprint: self.fingerprint }));
    }

    /// Asks the server to forget the history, for all.
    pub fn clear(&mut self, now: Tick) {
        if self.ended {
            return;
        }
        match (self.kdf, &mut self.auditor) {
            (RoomKind::Classic, _) => self.write(&wire::clear()),
            (RoomKind::Strict, Some(auditor)) => {
                let (seconds, iv) = (self.config.epoch.unix_seconds(now), self.rng.bytes());
                if let Some(token) =
                    auditor.compose(EnvelopeKind::Clear, "", &self.key, seconds, iv)
                {
                    self.write(&wire::clear_strict(&token));
                }
            }
            // Before the welcome there is nothing to be wiped by this client.
            (RoomKind::Strict, None) => {}
        }
    }

    /// Texts that no echo has confirmed yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Leaves when the server has said what was said before, and all that was sent has
    /// come back, or when nothing has for `patience`.
    pub fn drain(&mut self, now: Tick, patience: Duration) {
        self.finishing = Some(Draining { patience, give_up_at: now.saturating_add(patience) });
        self.leave_if_finished();
    }

    /// Leaves now.
    pub fn close(&mut self) {
        if !self.ended && self.link.is_some() {
            self.write(&wire::bye());
        }
        self.end(CloseReason::LocallyClosed);
    }

    /// The connection failed.
    pub fn connection_lost(&mut self) {
        self.end(CloseReason::ConnectionLost);
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        if self.ended {
            return None;
        }
        let finishing = self.finishing.as_ref().map(|finishing| finishing.give_up_at);
        let link = self.link.as_ref().map(|link| link.keepalive.deadline());
        finishing.into_iter().chain(link).chain(self.overdue().map(|(at, _)| at)).min()
    }

    /// Time passed. Calling too early is harmless.
    pub fn handle_timeout(&mut self, now: Tick) {
        if self.ended {
            return;
        }
        match self.link.as_mut().map_or(KeepaliveAction::None, |link| link.keepalive.poll(now)) {
            KeepaliveAction::None => {}
            KeepaliveAction::SendPing => self.write(&wire::ping()),
            KeepaliveAction::TimedOut => return self.end(CloseReason::TimedOut),
        }
        while let Some((at, index)) = self.overdue()
            && at <= now
            && let Some(text) = self.pending.get_mut(index)
        {
            text.overdue = true;
            let reference = text.reference;
            self.tell(Event::Unacknowledged(reference));
        }
        if self.finishing.as_ref().is_some_and(|finishing| finishing.give_up_at <= now) {
            self.close();
        }
    }

    /// When the next text of one's own is overdue, and which.
    fn overdue(&self) -> Option<(Tick, usize)> {
        self.auditor.as_ref()?;
        let due = |(at, text): (usize, &PendingMessage)| {
            Some((text.sent_at?.saturating_add(OVERDUE), at))
        };
        self.pending.iter().enumerate().filter(|(_, text)| !text.overdue).filter_map(due).min()
    }

    pub(super) fn is_welcome(&self) -> bool {
        matches!(self.welcoming, InitState::Done)
    }

    pub(super) fn leave_if_finished(&mut self) {
        if self.is_welcome() && self.finishing.is_some() && self.pending.is_empty() {
            self.close();
        }
    }

    /// Writes a line, as a record where the link is sealed.
    pub(super) fn write(&mut self, frame: &Frame) {
        let sent = match &mut self.link {
            None => Some(frame.clone()),
            Some(link) => link.seal(frame).ok(),
        };
        match sent {
            Some(frame) => self.outputs.push_back(SessionOutput::Send(frame)),
            // After 2^32 records there can be no more: another link is needed.
            None => {
                let bye = self.link.as_mut().and_then(|link| link.seal(&wire::bye()).ok());
                self.outputs.extend(bye.map(SessionOutput::Send));
                self.end(CloseReason::ConnectionLost);
            }
        }
    }

    pub(super) fn end(&mut self, ending: CloseReason) {
        if !self.ended {
            self.ended = true;
            let mut unconfirmed: Vec<_> = mem::take(&mut self.pending).into();
            for text in &mut unconfirmed {
                (text.sent_at, text.overdue) = (None, false);
            }
            self.tell(Event::Ended(SessionEnd { reason: ending, unconfirmed }));
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.outputs.push_back(SessionOutput::Event(event));
    }
}

/// The next line of protocol 1; nothing yet, or the end.
fn read_line(decoder: &mut LineDecoder) -> Result<Option<ServerMessage>, CloseReason> {
    decoder.set_max_len(MAX_LINE);
    match decoder.next_line() {
        Ok(Line::Complete(line) | Line::Unterminated(line)) => Ok(Some(ServerMessage::read(line))),
        Ok(Line::Incomplete) => Ok(None),
        Ok(Line::Eof) => Err(CloseReason::ClosedByServer),
        Err(LineTooLong) => Err(CloseReason::LineTooLong),
    }
}

/// The next record of a sealed link; nothing yet, or the end.
fn read_record(
    now: Tick,
    link: &mut Link,
    kdf: RoomKind,
    decoder: &mut LineDecoder,
) -> Result<Option<ServerMessage>, CloseReason> {
    decoder.set_max_len(MAX_RECORD);
    match decoder.next_line() {
        Ok(Line::Complete(line)) => {
            let news =
                link.open(now, line).and_then(|object| ServerMessage::read_sealed(object, kdf));
            news.map(Some).map_err(|_| CloseReason::Tampered)
        }
        Ok(Line::Incomplete) => Ok(None),
        // Without a `bye`, whatever came last.
        Ok(Line::Unterminated(_) | Line::Eof) => Err(CloseReason::ConnectionLost),
        Err(LineTooLong) => Err(CloseReason::Tampered),
    }
}
