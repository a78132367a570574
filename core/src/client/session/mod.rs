//! The session of a client that has joined a room.
//!
//! Theory of operation. The session turns the server's lines into events and the user's texts
//! into lines. Each text stays pending until the server has echoed its token: only the echo
//! proves that the server has broadcast it.
//!
//! Over protocol 1, only the end of the stream and a line over [`MAX_LINE`] end the session from
//! the server's side. Over a sealed link, everything that an honest server never sends ends it.
//!
//! `receive.rs` handles the server's lines; `auditor.rs` audits a strict room.

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
    time::{Epoch, Tick},
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

/// The longest accepted line of a protocol 1 server, in bytes. Servers of this project send at
/// most [`wire::MAX_LINE`]; a Python server's `init` is unbounded.
pub const MAX_LINE: usize = 4 << 20;
/// Time without an echo after which the client emits [`Event::Unacknowledged`].
const OVERDUE: Duration = Duration::from_secs(10);

/// The client side of an authenticated connection.
pub struct Session {
    pub(super) config: Arc<ClientConfig>,
    /// The wall clock, which starts as configured and is then corrected.
    pub(super) epoch: Epoch,
    pub(super) fingerprint: Fingerprint,
    pub(super) key: RoomKey,
    kdf: RoomKind,
    /// The server sends a `bye` before it closes the connection normally.
    says_bye: bool,
    pub(super) link: Option<Link>,
    pub(super) rng: Rng,
    pub(super) welcoming: InitState,
    /// Present in a strict room once `init` has arrived.
    pub(super) auditor: Option<Auditor>,
    pub(super) members: BTreeMap<String, Untrusted>,
    /// Message ids of the history: in protocol 1 a message may be both in `init` and in the stream.
    pub(super) history: BTreeSet<String>,
    pub(super) pending: VecDeque<PendingMessage>,
    pub(super) finishing: Option<Draining>,
    ended: bool,
    outputs: VecDeque<SessionOutput>,
}

/// State of a session that closes once every sent text has been echoed.
pub(super) struct Draining {
    pub(super) patience: Duration,
    pub(super) give_up_at: Tick,
}

/// The result of a successful login.
pub(crate) struct Established {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) key: RoomKey,
    pub(crate) kdf: RoomKind,
    pub(crate) says_bye: bool,
    /// Both directions of the record layer, if the link is sealed.
    pub(crate) link: Option<(RecordSealer, RecordOpener)>,
    pub(crate) now: Tick,
}

/// An action for the caller. The caller must perform actions in order.
#[derive(Debug)]
pub enum SessionOutput {
    /// Write this frame to the server.
    Send(Frame),
    /// Report this event to the user.
    Event(Event),
}

/// Result of [`Session::handle_input`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStatus {
    /// One line was handled; the decoder may hold more.
    Line,
    /// No complete line is buffered: read more input.
    NeedsInput,
    /// The session has ended.
    Ended,
}

impl Session {
    pub(crate) fn new(
        established: Established,
        unconfirmed: Vec<PendingMessage>,
        rng: Rng,
    ) -> Self {
        let Established { config, fingerprint, key, kdf, says_bye, link, now } = established;
        Self {
            epoch: config.epoch,
            config,
            fingerprint,
            key,
            kdf,
            says_bye,
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

    /// Corrects the wall clock by a new measurement. Call it before passing input or texts.
    pub fn set_epoch(&mut self, measured: Epoch) {
        self.epoch.correct(measured);
    }

    /// Returns the username this client requested.
    #[must_use]
    pub fn name(&self) -> &Username {
        self.config.name()
    }

    /// Returns the protection of this session.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match (self.kdf, &self.link) {
            (RoomKind::Strict, _) => Mode::Strict,
            (RoomKind::Classic, Some(_)) => Mode::Sealed,
            (RoomKind::Classic, None) => Mode::Plaintext,
        }
    }

    /// Handles one line of the server, or the end of its stream, from `decoder`.
    pub fn handle_input(&mut self, now: Tick, decoder: &mut LineDecoder) -> ReadStatus {
        if self.ended {
            return ReadStatus::Ended;
        }
        let message = match &mut self.link {
            None => read_line(decoder, self.says_bye),
            Some(link) => read_record(now, link, self.kdf, decoder),
        };
        match message {
            Ok(Some(message)) => self.hear(now, message),
            Ok(None) => return ReadStatus::NeedsInput,
            Err(ending) => {
                self.end(ending);
                return ReadStatus::Ended;
            }
        }
        ReadStatus::Line
    }

    /// Returns the next action for the caller.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// Encrypts `text` and sends it, or emits [`Event::SendFailed`] if that is not possible.
    /// `reference` is the caller's number for this text; no other pending text may have it.
    /// Texts passed before [`Event::Ready`] are sent once that event is emitted.
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

    /// Sends the waiting texts, if the history is complete.
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

    /// Returns the token to send `text` as.
    ///
    /// In a classic room a text resent after a reconnect keeps its token, so that members can
    /// recognize a duplicate if the server had already broadcast it. In a strict room it gets a
    /// new envelope, because the envelope states which events its author has received.
    fn token(&mut self, now: Tick, text: &mut PendingMessage) -> Option<FernetToken> {
        let (seconds, iv) = (self.epoch.unix_seconds(now), self.rng.bytes());
        match &mut self.auditor {
            Some(auditor) => {
                auditor.compose(EnvelopeKind::Text, &text.text, &self.key, seconds, iv)
            }
            None => text.token.take().or_else(|| {
                let escaped = rich_markup::escape(&text.text);
                FernetToken::new(self.key.seal(seconds, iv, escaped.as_bytes()))
            }),
        }
    }

    /// Emits [`Event::RoomState`].
    pub fn request_fingerprint(&mut self) {
        let view = self.auditor.as_ref().map(|auditor| {
            let (number, view) = auditor.head();
            (number, view.short_code())
        });
        self.tell(Event::RoomState(RoomState { view, fingerprint: self.fingerprint }));
    }

    /// Requests that the server clear the history for all members.
    pub fn clear(&mut self, now: Tick) {
        if self.ended {
            return;
        }
        match (self.kdf, &mut self.auditor) {
            (RoomKind::Classic, _) => self.write(&wire::clear()),
            (RoomKind::Strict, Some(auditor)) => {
                let (seconds, iv) = (self.epoch.unix_seconds(now), self.rng.bytes());
                if let Some(token) =
                    auditor.compose(EnvelopeKind::Clear, "", &self.key, seconds, iv)
                {
                    self.write(&wire::clear_strict(&token));
                }
            }
            // Before `init` arrives, this client cannot compose an envelope.
            (RoomKind::Strict, None) => {}
        }
    }

    /// Returns the number of texts that no echo has confirmed yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Closes the session once the history is complete and every sent text has been echoed, or
    /// once no echo has arrived for `patience`.
    pub fn drain(&mut self, now: Tick, patience: Duration) {
        self.finishing = Some(Draining { patience, give_up_at: now.saturating_add(patience) });
        self.leave_if_finished();
    }

    /// Closes the session immediately.
    pub fn close(&mut self) {
        if !self.ended && self.link.is_some() {
            self.write(&wire::bye());
        }
        self.end(CloseReason::LocallyClosed);
    }

    /// Ends the session because the connection failed.
    pub fn connection_lost(&mut self) {
        self.end(CloseReason::ConnectionLost);
    }

    /// Returns the latest time at which the caller must call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        if self.ended {
            return None;
        }
        let finishing = self.finishing.as_ref().map(|finishing| finishing.give_up_at);
        let link = self.link.as_ref().map(|link| link.keepalive.deadline());
        finishing.into_iter().chain(link).chain(self.overdue().map(|(at, _)| at)).min()
    }

    /// Handles the timers that have expired at `now`. Calling it too early is harmless.
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

    /// Returns the time at which the next sent text becomes overdue, and its index.
    fn overdue(&self) -> Option<(Tick, usize)> {
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

    /// Writes a line, as a record if the link is sealed.
    pub(super) fn write(&mut self, frame: &Frame) {
        let sent = match &mut self.link {
            None => Some(frame.clone()),
            Some(link) => link.seal(frame).ok(),
        };
        match sent {
            Some(frame) => self.outputs.push_back(SessionOutput::Send(frame)),
            // The limit of 2^32 records is reached, so a new connection is needed.
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

/// Reads the next line of protocol 1. Returns `None` if it is incomplete.
fn read_line(
    decoder: &mut LineDecoder,
    says_bye: bool,
) -> Result<Option<ServerMessage>, CloseReason> {
    decoder.set_max_len(MAX_LINE);
    match decoder.next_line() {
        Ok(Line::Complete(line) | Line::Unterminated(line)) => Ok(Some(ServerMessage::read(line))),
        Ok(Line::Incomplete) => Ok(None),
        Ok(Line::Eof) if says_bye => Err(CloseReason::ConnectionLost),
        // The end of the stream is all that a Python server sends.
        Ok(Line::Eof) => Err(CloseReason::ClosedByServer),
        Err(LineTooLong) => Err(CloseReason::LineTooLong),
    }
}

/// Reads the next record of a sealed link. Returns `None` if it is incomplete.
fn read_record(
    now: Tick,
    link: &mut Link,
    kdf: RoomKind,
    decoder: &mut LineDecoder,
) -> Result<Option<ServerMessage>, CloseReason> {
    decoder.set_max_len(MAX_RECORD);
    match decoder.next_line() {
        Ok(Line::Complete(line)) => {
            let message =
                link.open(now, line).and_then(|object| ServerMessage::read_sealed(object, kdf));
            message.map(Some).map_err(|_| CloseReason::Tampered)
        }
        Ok(Line::Incomplete) => Ok(None),
        // The stream ended without a `bye`.
        Ok(Line::Unterminated(_) | Line::Eof) => Err(CloseReason::ConnectionLost),
        Err(LineTooLong) => Err(CloseReason::Tampered),
    }
}
