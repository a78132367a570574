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
    crypto::key_schedule::TrafficKeys,
    fingerprint::RoomHash,
    room_kind::RoomKind,
    secret::with_stack_zeroed,
    seed::Rng,
    strict_room::{
        auditor::{Auditor, ComposeContext},
        envelope::EnvelopeKind,
    },
    time::{Epoch, Tick},
    transport::frame::Frame,
    transport::keepalive::KeepaliveAction,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    transport::record::{MAX_OBJECTS, RecordSealer, SealError, whole_lines},
    transport::record_layer::{RecordError, RecordReader},
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
    pub(super) room: RoomHash,
    pub(super) key: RoomKey,
    kdf: RoomKind,
    /// The server sends a `bye` before it closes the connection normally.
    says_bye: bool,
    pub(super) link: Option<SealedLink>,
    pub(super) rng: Rng,
    pub(super) welcoming: InitState,
    /// Present in a strict room.
    pub(super) auditor: Option<Auditor>,
    pub(super) members: BTreeMap<String, Untrusted>,
    /// The `user_id` of the host, if the room has one.
    pub(super) host: Option<String>,
    /// Message ids of the history: in protocol 1 a message may be both in `init` and in the stream.
    pub(super) history: BTreeSet<String>,
    pub(super) pending: VecDeque<PendingMessage>,
    pub(super) finishing: Option<Draining>,
    ended: bool,
    outputs: VecDeque<SessionOutput>,
}

/// The client's end of a sealed link.
pub(super) struct SealedLink {
    pub(super) reader: RecordReader,
    sealer: RecordSealer,
    /// Lines that the next record will contain.
    staged: Vec<u8>,
}

/// State of a session that closes once every sent text has been echoed.
pub(super) struct Draining {
    pub(super) patience: Duration,
    pub(super) give_up_at: Tick,
}

/// The result of a successful login.
pub(crate) struct Established {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) room: RoomHash,
    pub(crate) key: RoomKey,
    pub(crate) kdf: RoomKind,
    pub(crate) says_bye: bool,
    /// The keys of the link if it is sealed.
    pub(crate) keys: Option<TrafficKeys>,
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
        mut rng: Rng,
    ) -> Self {
        let Established { config, room, key, kdf, says_bye, keys, now } = established;
        let link = keys.map(|keys| {
            let (sealer, opener) = keys.client();
            let reader = RecordReader::new(opener, now);
            config.carried().resume = Some(keys.resume);
            SealedLink { reader, sealer, staged: Vec::new() }
        });
        let mut auditor = (kdf == RoomKind::Strict).then(|| {
            let mut carried = config.carried();
            let member_key = carried.member_key(&mut rng);
            let known = carried.auditor.take().filter(|auditor| *auditor.room() == room);
            known.unwrap_or_else(|| Auditor::new(room, member_key, config.name().clone()))
        });
        let context = ComposeContext {
            key: &key,
            unix_seconds: config.epoch.unix_seconds(now),
            iv: rng.bytes(),
        };
        let hello = auditor
            .as_mut()
            .and_then(|auditor| auditor.begin_session(config.name().clone(), &mut rng, &context));
        let mut session = Self {
            epoch: config.epoch,
            config,
            room,
            key,
            kdf,
            says_bye,
            link,
            rng,
            welcoming: InitState::Expected,
            auditor,
            members: BTreeMap::new(),
            host: None,
            history: BTreeSet::new(),
            pending: unconfirmed.into(),
            finishing: None,
            ended: false,
            outputs: VecDeque::new(),
        };
        if let Some(hello) = hello {
            session.write(&wire::hello(&hello));
        }
        session
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
            Some(link) => read_record(now, &mut link.reader, self.kdf, decoder),
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

    /// Returns the next action for the caller. On a sealed link the lines that were written
    /// since the last call share a record.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        if self.outputs.is_empty() {
            self.seal_staged();
        }
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
                text.sent_at = Some(now);
            }
            self.pending.push_back(text);
        }
    }

    /// Returns the token to send `text` as.
    ///
    /// In a classic room a text resent after a reconnect keeps its token, so that members can
    /// recognize a duplicate if the server had already broadcast it. In a strict room it gets a
    /// new envelope with the same message id, because the envelope states which events its
    /// author has received.
    fn token(&mut self, now: Tick, text: &mut PendingMessage) -> Option<FernetToken> {
        let (unix_seconds, iv) = (self.epoch.unix_seconds(now), self.rng.bytes());
        let Some(auditor) = &mut self.auditor else {
            let earlier = text.token.take().filter(|(room, _)| *room == self.room);
            let token = match earlier {
                Some((_, token)) => token,
                None => {
                    let escaped = rich_markup::escape(&text.text);
                    FernetToken::new(self.key.seal(unix_seconds, iv, escaped.as_bytes()))?
                }
            };
            text.token = Some((self.room, token.clone()));
            return Some(token);
        };
        let mid = *text.mid.get_or_insert_with(|| self.rng.bytes());
        let context = ComposeContext { key: &self.key, unix_seconds, iv };
        auditor.compose(EnvelopeKind::Text, mid, &text.text, &context)
    }

    /// Emits [`Event::RoomState`].
    pub fn request_fingerprint(&mut self) {
        let auditor = self.auditor.as_ref().filter(|_| self.is_welcome());
        let state = RoomState {
            room: self.room,
            view: auditor.map(Auditor::head),
            members: auditor.and_then(Auditor::member_ids),
        };
        self.tell(Event::RoomState(state));
    }

    /// Requests that the server clear the history for all members.
    pub fn clear(&mut self, now: Tick) {
        if self.ended {
            return;
        }
        match (self.kdf, &mut self.auditor) {
            (RoomKind::Classic, _) => self.write(&wire::clear()),
            (RoomKind::Strict, Some(auditor)) if matches!(self.welcoming, InitState::Done) => {
                let (unix_seconds, iv) = (self.epoch.unix_seconds(now), self.rng.bytes());
                let context = ComposeContext { key: &self.key, unix_seconds, iv };
                let mid = self.rng.bytes();
                if let Some(token) = auditor.compose(EnvelopeKind::Clear, mid, "", &context) {
                    self.write(&wire::clear_strict(&token));
                }
            }
            // Before the history is complete, this client cannot compose an envelope.
            (RoomKind::Strict, _) => {}
        }
    }

    /// Replaces the stream of this session and its hello by those of a test vector.
    #[cfg(test)]
    pub(crate) fn set_stream(&mut self, sid: [u8; 8], hello: FernetToken) {
        if let Some(auditor) = &mut self.auditor {
            auditor.set_stream(sid, hello);
        }
        self.outputs.clear();
    }

    /// Handles an object as if it came out of a record.
    #[cfg(test)]
    pub(crate) fn receive_object(&mut self, now: Tick, object: &[u8]) {
        match ServerMessage::read_sealed(object, self.kdf) {
            Ok(message) => self.hear(now, message),
            Err(_) => self.end(CloseReason::Tampered),
        }
    }

    /// Records the token of this session's next envelope.
    #[cfg(test)]
    pub(crate) fn note_sent(&mut self, token: FernetToken) {
        if let Some(auditor) = &mut self.auditor {
            auditor.note_sent(token);
        }
    }

    #[cfg(test)]
    pub(crate) fn verified_names(&self) -> Vec<String> {
        self.auditor.as_ref().map(Auditor::verified_names).unwrap_or_default()
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
        let link = self.link.as_ref().map(|link| link.reader.keepalive.deadline());
        finishing.into_iter().chain(link).chain(self.overdue().map(|(at, _)| at)).min()
    }

    /// Handles the timers that have expired at `now`. Calling it too early is harmless.
    pub fn handle_timeout(&mut self, now: Tick) {
        if self.ended {
            return;
        }
        match self
            .link
            .as_mut()
            .map_or(KeepaliveAction::None, |link| link.reader.keepalive.poll(now))
        {
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

    pub(crate) fn is_welcome(&self) -> bool {
        matches!(self.welcoming, InitState::Done)
    }

    pub(super) fn leave_if_finished(&mut self) {
        if self.is_welcome() && self.finishing.is_some() && self.pending.is_empty() {
            self.close();
        }
    }

    /// Writes a line, in a record if the link is sealed.
    pub(super) fn write(&mut self, frame: &Frame) {
        match &mut self.link {
            None => self.outputs.push_back(SessionOutput::Send(frame.clone())),
            Some(link) => link.staged.extend_from_slice(frame.bytes()),
        }
    }

    /// Seals the staged lines.
    fn seal_staged(&mut self) {
        let Some(link) = &mut self.link else { return };
        while !link.staged.is_empty() {
            // The last of all 2^32 records is a `bye`; then a new connection is needed.
            let is_over = link.sealer.must_close() && link.staged != wire::bye().bytes();
            if is_over {
                link.staged = wire::bye().bytes().to_vec();
            }
            let record = link.seal_next();
            let is_over = is_over || record.is_err();
            self.outputs.extend(record.ok().map(SessionOutput::Send));
            if is_over {
                link.staged.clear();
                return self.end(CloseReason::ConnectionLost);
            }
        }
    }

    pub(super) fn end(&mut self, ending: CloseReason) {
        if !self.ended {
            self.ended = true;
            let auditor = self.auditor.take();
            self.config.carried().auditor = auditor;
            let mut unconfirmed: Vec<_> = mem::take(&mut self.pending).into();
            for text in &mut unconfirmed {
                (text.sent_at, text.overdue) = (None, false);
            }
            if matches!(ending, CloseReason::LocallyClosed | CloseReason::ClosedByServer) {
                self.config.carried().resume = None;
            }
            self.tell(Event::Ended(SessionEnd { reason: ending, unconfirmed }));
        }
    }

    /// Emits an event, after the lines that were written before it.
    pub(super) fn tell(&mut self, event: Event) {
        self.seal_staged();
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

impl SealedLink {
    /// Seals the first staged lines, as many as fit into a record.
    fn seal_next(&mut self) -> Result<Frame, SealError> {
        let length = whole_lines(&self.staged, MAX_OBJECTS);
        let objects = self.staged.get(..length.saturating_sub(1)).filter(|_| length > 0);
        let mut record = Vec::new();
        with_stack_zeroed(|| self.sealer.seal(objects.ok_or(SealError)?, &mut record))?;
        self.staged.drain(..length);
        Ok(Frame::from_record(record))
    }
}

/// Reads the next object of a sealed link. Returns `None` if it is incomplete.
fn read_record(
    now: Tick,
    reader: &mut RecordReader,
    kdf: RoomKind,
    decoder: &mut LineDecoder,
) -> Result<Option<ServerMessage>, CloseReason> {
    match reader.next(now, decoder) {
        Ok(Some(object)) => {
            ServerMessage::read_sealed(object, kdf).map(Some).map_err(|_| CloseReason::Tampered)
        }
        Ok(None) => Ok(None),
        Err(RecordError::Truncated) => Err(CloseReason::ConnectionLost),
        Err(RecordError::Tampered) => Err(CloseReason::Tampered),
    }
}
