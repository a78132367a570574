//! Detection of a server that drops, replays, withholds, misattributes or reorders messages
//! in a strict room (PROTOCOL 2.6).
//!
//! Theory of operation. Every event has a number and extends the hash chain over all events.
//! Every envelope is signed with its author's key, states which events its author had
//! received when it was written, and its position in the author's own stream.
//!
//! [`Auditor::audit`] performs the checks in the order of the table in PROTOCOL 2.6. The
//! first failure that rejects the message ends the audit. The chain is extended nevertheless,
//! because it covers the events the server delivered, accepted or not.
//!
//! An auditor outlives its session: it goes on with what it knows after a reconnection to the
//! same room, so that a server cannot hide or repeat anything by cutting the connection.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    client::{RejectReason, RoomWarning, Sender, Warning},
    crypto::fernet::RoomKey,
    fingerprint::RoomHash,
    seed::Rng,
    strict_room::{
        envelope::{Envelope, EnvelopeKind, MessageId, StreamId, text_body},
        hash_chain::{ChainHash, EventKind},
        member_key::{KeyId, MemberKey, PublicMemberKey},
        members::{Introduction, Members},
    },
    untrusted::Untrusted,
    username::Username,
    wire::{
        FernetToken,
        server_message::{MessageData, Start},
    },
};

/// Number of chain hashes kept, of the most recent events.
const VIEWS: usize = 4_096;
/// Number of own tokens kept, the most recent ones.
const OWN: usize = 4_096;
/// Maximum number of streams, of names and of keys that are tracked.
const MAX_TRACKED: usize = 65_536;
/// Message ids kept for each key.
const IDS_PER_KEY: usize = 4_096;
/// Message ids kept in all.
const MAX_IDS: usize = 262_144;
/// Maximum difference from this client's clock before an envelope gets [`Warning::Clock`].
const CLOCK: Duration = Duration::from_secs(300);

/// A client's audit of one strict room.
pub(crate) struct Auditor {
    room: RoomHash,
    key: Arc<MemberKey>,
    name: Username,
    /// This session's stream.
    sid: StreamId,
    /// Token of this session's hello.
    hello: Option<FernetToken>,
    /// The run of the server, once an `init` has arrived.
    run: Option<[u8; 16]>,
    /// Number of the last event, and the chain hash after it.
    head: (u64, ChainHash),
    /// Chain hashes after the most recent events.
    views: BTreeMap<u64, ChainHash>,
    /// Number up to which the history repeats events of an earlier session.
    known_up_to: u64,
    /// The server has been found to show another past.
    past_differs: bool,
    streams: BTreeMap<(PublicMemberKey, StreamId), Stream>,
    ids: BTreeMap<PublicMemberKey, RecentIds>,
    id_count: usize,
    /// The last known key of each name.
    names: BTreeMap<String, PublicMemberKey>,
    members: Members,
    /// Authors whose view differed from this client's.
    doubted: BTreeSet<PublicMemberKey>,
    /// A table is full: not everything is watched any more.
    is_overflowing: bool,
    /// Tokens of this member's most recent envelopes.
    own: VecDeque<FernetToken>,
    /// Number of the first token in `own`.
    own_from: u64,
    warnings: Vec<RoomWarning>,
}

/// Known state of one author's stream.
struct Stream {
    name: String,
    /// Position of the last envelope; `None` if it is unknown.
    last: Option<u64>,
    /// Events have been missed since the last envelope.
    has_gap: bool,
}

/// The most recent message ids of one author.
#[derive(Default)]
struct RecentIds {
    order: VecDeque<MessageId>,
    known: BTreeSet<MessageId>,
}

/// The result of an audit.
pub(crate) enum AuditResult {
    /// Nothing to show: this client has received it before.
    Repeated,
    /// The token cannot be decrypted or decoded.
    Unreadable,
    /// The event must not be attributed to any member.
    Reject(RejectReason),
    /// The event is from its author.
    Accept(Box<VerifiedMessage>),
}

/// A message that passed the audit.
pub(crate) struct VerifiedMessage {
    pub(crate) kind: EnvelopeKind,
    pub(crate) sender: Sender,
    pub(crate) mid: MessageId,
    pub(crate) name: String,
    pub(crate) text: Zeroizing<String>,
    /// Time by the author's clock, if it is a date.
    pub(crate) at: Option<Timestamp>,
    pub(crate) doubts: Vec<Warning>,
    /// This client wrote it.
    pub(crate) is_own: bool,
}

/// The server lost or repeated events.
pub(crate) struct ServerMisbehaved;

/// What the author of an envelope needs besides its text.
pub(crate) struct ComposeContext<'a> {
    pub(crate) key: &'a RoomKey,
    pub(crate) unix_seconds: u64,
    pub(crate) iv: [u8; 16],
}

impl Auditor {
    /// Creates the auditor of a client that has not been in this room before.
    pub(crate) fn new(room: RoomHash, key: Arc<MemberKey>, name: Username) -> Self {
        Self {
            room,
            key,
            name,
            sid: [0; 8],
            hello: None,
            run: None,
            head: (0, ChainHash::GENESIS),
            views: BTreeMap::new(),
            known_up_to: 0,
            past_differs: false,
            streams: BTreeMap::new(),
            ids: BTreeMap::new(),
            id_count: 0,
            names: BTreeMap::new(),
            members: Members::default(),
            doubted: BTreeSet::new(),
            is_overflowing: false,
            own: VecDeque::new(),
            own_from: 1,
            warnings: Vec::new(),
        }
    }

    /// Returns the room that this auditor belongs to.
    pub(crate) const fn room(&self) -> &RoomHash {
        &self.room
    }

    /// Begins a session under this name. Returns the token of its hello.
    pub(crate) fn begin_session(
        &mut self,
        name: Username,
        rng: &mut Rng,
        context: &ComposeContext<'_>,
    ) -> Option<FernetToken> {
        self.name = name;
        self.sid = rng.bytes();
        (self.own, self.own_from) = (VecDeque::new(), 1);
        self.members.clear();
        let body = Zeroizing::new(self.key.agreement_key().to_vec());
        let mid = rng.bytes();
        let envelope = self.envelope(EnvelopeKind::Hello, mid, 0, (0, ChainHash::GENESIS), body);
        self.hello = self.seal(&envelope, context);
        self.remember_stream(self.key.public(), self.sid, self.name.as_str().to_owned(), Some(0));
        self.hello.clone()
    }

    #[cfg(test)]
    pub(crate) fn set_stream(&mut self, sid: StreamId, hello: FernetToken) {
        (self.sid, self.hello) = (sid, Some(hello));
        self.remember_stream(self.key.public(), sid, self.name.as_str().to_owned(), Some(0));
    }

    #[cfg(test)]
    pub(crate) fn verified_names(&self) -> Vec<String> {
        self.members.verified_names().into_iter().map(str::to_owned).collect()
    }

    /// Handles the `init` of a session, which `history` messages follow.
    pub(crate) fn begin_history(&mut self, start: Start, history: u64) {
        let (number, view) = (start.n, start.view);
        let known = self.head.0;
        self.past_differs = false;
        self.known_up_to = 0;
        match self.run {
            None => {}
            Some(run) if run != start.run => {
                self.warnings.push(RoomWarning::NewRun);
                self.views.clear();
            }
            Some(_) if number > known => {
                self.warnings.push(RoomWarning::Missed(number - known));
                self.streams.values_mut().for_each(|stream| stream.has_gap = true);
            }
            Some(_) if number.saturating_add(history) < known => self.note_other_past(),
            Some(_) if self.views.get(&number).is_some_and(|known| *known != view) => {
                self.note_other_past();
            }
            Some(_) => self.known_up_to = known,
        }
        self.run = Some(start.run);
        self.set_head(number, view);
    }

    /// Returns the number of the last event and the chain hash after it.
    pub(crate) const fn head(&self) -> (u64, ChainHash) {
        self.head
    }

    /// Returns the ids of all present members, or `None` if one of them is not verified.
    pub(crate) fn member_ids(&self) -> Option<Vec<KeyId>> {
        let keys = self.members.keys()?;
        Some(keys.iter().map(PublicMemberKey::id).collect())
    }

    /// Returns the warnings about the room since the last call.
    pub(crate) fn take_warnings(&mut self) -> Vec<RoomWarning> {
        std::mem::take(&mut self.warnings)
    }

    /// Adds a member with its hello. `is_own` marks this client's own entry, and
    /// `has_joined` a member that joined during this session.
    pub(crate) fn add_member(
        &mut self,
        user_id: String,
        name: &str,
        hello: &str,
        is_own: bool,
        has_joined: bool,
        key: &RoomKey,
    ) {
        let introduction = if is_own {
            let is_sent = self.hello.as_ref().is_some_and(|own| own.as_str() == hello);
            is_sent.then(|| Introduction {
                key: self.key.public(),
                sid: self.sid,
                agreement: self.key.agreement_key(),
            })
        } else {
            self.introduction(name, hello, has_joined, key)
        };
        if !self.members.insert(user_id, name, introduction) {
            self.warnings.push(RoomWarning::NotVerified(Untrusted::new(name.to_owned())));
            return;
        }
        let Some(Introduction { key, sid, .. }) = introduction else { return };
        self.note_name(name, key);
        if !is_own {
            let last = has_joined.then_some(0);
            self.remember_stream(key, sid, name.to_owned(), last);
        }
    }

    /// Removes a member.
    pub(crate) fn remove_member(&mut self, user_id: &str) {
        self.members.remove(user_id);
    }

    /// Verifies a hello, except that no other present member may have its key.
    fn introduction(
        &self,
        name: &str,
        hello: &str,
        has_joined: bool,
        key: &RoomKey,
    ) -> Option<Introduction> {
        let opened = key.open(hello).ok()?;
        let signed = Envelope::decode(&opened.text)?;
        let envelope = &signed.envelope;
        let agreement: [u8; 32] = envelope.body.as_slice().try_into().ok()?;
        let is_new = !has_joined || !self.streams.contains_key(&(envelope.key, envelope.sid));
        (envelope.kind == EnvelopeKind::Hello
            && signed.is_signed(&self.room, opened.unix_seconds)
            && envelope.name == name
            && self.key.accepts_agreement_key(agreement)
            && is_new)
            .then_some(Introduction { key: envelope.key, sid: envelope.sid, agreement })
    }

    /// Records the key of a name, and warns if it was another one before.
    fn note_name(&mut self, name: &str, key: PublicMemberKey) {
        let before = self.names.get(name).copied();
        if before.is_none() && self.names.len() >= MAX_TRACKED {
            return self.note_overflow();
        }
        self.names.insert(name.to_owned(), key);
        if let Some(before) = before.filter(|before| *before != key) {
            let name = Untrusted::new(name.to_owned());
            self.warnings.push(RoomWarning::AnotherKey {
                name,
                before: before.id(),
                now: key.id(),
            });
        }
    }

    /// Composes this member's next envelope. Returns `None`, and changes nothing, if its token
    /// would be too long.
    pub(crate) fn compose(
        &mut self,
        kind: EnvelopeKind,
        mid: MessageId,
        text: &str,
        context: &ComposeContext<'_>,
    ) -> Option<FernetToken> {
        let body = if kind == EnvelopeKind::Text { text_body(text) } else { Zeroizing::default() };
        let seq = self.own_from + self.own.len() as u64;
        let envelope = self.envelope(kind, mid, seq, self.head, body);
        let token = self.seal(&envelope, context)?;
        self.note_sent(token.clone());
        Some(token)
    }

    /// Records the token of this session's next envelope.
    pub(crate) fn note_sent(&mut self, token: FernetToken) {
        self.own.push_back(token);
        if self.own.len() > OWN {
            self.own.pop_front();
            self.own_from += 1;
        }
    }

    fn envelope(
        &self,
        kind: EnvelopeKind,
        mid: MessageId,
        seq: u64,
        (n, view): (u64, ChainHash),
        body: Zeroizing<Vec<u8>>,
    ) -> Envelope {
        let (key, name) = (self.key.public(), self.name.as_str().to_owned());
        Envelope { kind, key, sid: self.sid, seq, mid, n, view: view.truncated(), name, body }
    }

    fn seal(&self, envelope: &Envelope, context: &ComposeContext<'_>) -> Option<FernetToken> {
        let ComposeContext { key, unix_seconds, iv } = context;
        let plaintext = envelope.encode(&self.key, &self.room, *unix_seconds);
        FernetToken::new(key.seal(*unix_seconds, *iv, &plaintext))
    }

    /// Audits the next event. `live` is the wall time in seconds since 1970, or `None` for an
    /// event of the history.
    ///
    /// # Errors
    ///
    /// Returns [`ServerMisbehaved`] if the event does not have the next number.
    pub(crate) fn audit(
        &mut self,
        data: &MessageData,
        event: EventKind,
        key: &RoomKey,
        live: Option<u64>,
    ) -> Result<AuditResult, ServerMisbehaved> {
        let number = self.head.0.checked_add(1).ok_or(ServerMisbehaved)?;
        if data.n != Some(number) {
            return Err(ServerMisbehaved);
        }
        let token = data.token.as_deref().unwrap_or_default();
        let view = self.head.1.append(event, token, data.author.raw());
        if number <= self.known_up_to {
            match self.views.get(&number) {
                Some(known) if *known == view => {
                    self.set_head(number, view);
                    return Ok(AuditResult::Repeated);
                }
                Some(_) => self.note_other_past(),
                None => {}
            }
        }
        let result = self.check_envelope(data, number, token, event, key, live);
        self.set_head(number, view);
        Ok(result)
    }

    fn check_envelope(
        &mut self,
        data: &MessageData,
        number: u64,
        token: &str,
        event: EventKind,
        key: &RoomKey,
        live: Option<u64>,
    ) -> AuditResult {
        let Ok(opened) = key.open(token) else { return AuditResult::Unreadable };
        let signed = Envelope::decode(&opened.text);
        let Some(signed) = signed.filter(|signed| is_fit(event, signed.envelope.kind)) else {
            return AuditResult::Unreadable;
        };
        if !signed.is_signed(&self.room, opened.unix_seconds) {
            return AuditResult::Reject(RejectReason::BadSignature);
        }
        let envelope = signed.envelope;
        let author = data.author.raw();
        let Some(has_other_key) = self.check_author(&envelope, author, live.is_some()) else {
            let (claimed, id) = (Untrusted::new(envelope.name), envelope.key.id());
            return AuditResult::Reject(RejectReason::Forged { claimed, id });
        };
        let mut doubts = Vec::new();
        doubts.extend(self.check_view(&envelope, number));
        let is_own = envelope.key == self.key.public();
        if is_own && envelope.sid == self.sid && !self.is_sent(envelope.seq, token) {
            return AuditResult::Reject(RejectReason::Altered);
        }
        match self.advance_stream(&envelope) {
            Err(reason) => return AuditResult::Reject(reason),
            Ok(missing) => doubts.extend(missing),
        }
        if !self.remember_id(envelope.key, envelope.mid) {
            let about = |warning| RoomWarning::Author {
                name: Untrusted::new(envelope.name.clone()),
                warning,
            };
            self.warnings.extend(doubts.into_iter().map(about));
            return AuditResult::Repeated;
        }
        let seconds = opened.unix_seconds;
        if live.is_some_and(|now| now.abs_diff(seconds) > CLOCK.as_secs()) {
            doubts.push(Warning::Clock);
        }
        let at = i64::try_from(seconds).ok().and_then(|at| Timestamp::from_second(at).ok());
        let sender = Sender {
            id: envelope.key.id(),
            is_verified: self.members.verified(author).any(|member| member.key == envelope.key),
            needs_tag: self.names.get(author) != Some(&envelope.key),
            has_other_key,
        };
        let text = Zeroizing::new(envelope.text().unwrap_or_default().to_owned());
        let Envelope { kind, mid, name, .. } = envelope;
        let message = VerifiedMessage { kind, sender, mid, name, text, at, doubts, is_own };
        AuditResult::Accept(Box::new(message))
    }

    /// Checks name, key and stream of an envelope. Returns `None` for a forged name, and
    /// whether the key is not that of the present member of this name, in the history.
    fn check_author(&self, envelope: &Envelope, author: &str, is_live: bool) -> Option<bool> {
        let stream = self.streams.get(&(envelope.key, envelope.sid));
        if envelope.name != author || stream.is_some_and(|stream| stream.name != envelope.name) {
            return None;
        }
        let mut verified = self.members.verified(author).peekable();
        if verified.peek().is_none() {
            return (!is_live || self.members.contains(author)).then_some(false);
        }
        let (mut same_key, mut same_stream) = (false, false);
        for member in verified {
            same_key |= member.key == envelope.key;
            same_stream |= member.key == envelope.key && member.sid == envelope.sid;
        }
        if is_live { same_stream.then_some(false) } else { Some(!same_key) }
    }

    /// Returns the warning about an author that had received other events.
    fn check_view(&mut self, envelope: &Envelope, number: u64) -> Option<Warning> {
        let known = self.views.get(&envelope.n);
        if envelope.n < number && known.is_none_or(|view| envelope.matches_chain(view)) {
            return None;
        }
        self.doubted.insert(envelope.key);
        Some(if self.doubted.len() > 1 { Warning::SplitViews } else { Warning::SplitView })
    }

    /// Returns whether this member sent `token` at this position. Assumes so if the position
    /// is older than the kept tokens.
    fn is_sent(&self, seq: u64, token: &str) -> bool {
        let Some(at) = seq.checked_sub(self.own_from) else { return true };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.own.get(at).is_some_and(|own| own.as_str() == token)
    }

    /// Advances the author's stream. Returns a warning about missing messages, or rejects a
    /// replay.
    fn advance_stream(&mut self, envelope: &Envelope) -> Result<Option<Warning>, RejectReason> {
        let place = (envelope.key, envelope.sid);
        let Some(stream) = self.streams.get_mut(&place) else {
            let name = envelope.name.clone();
            self.remember_stream(envelope.key, envelope.sid, name, Some(envelope.seq));
            return Ok(None);
        };
        let has_gap = std::mem::take(&mut stream.has_gap);
        let last = stream.last;
        if last.is_some_and(|last| envelope.seq <= last) {
            stream.has_gap = has_gap;
            return Err(RejectReason::Replayed);
        }
        stream.last = Some(envelope.seq);
        let missing = last.map_or(0, |last| envelope.seq - last - 1);
        Ok((missing > 0 && !has_gap).then_some(Warning::Missing(missing)))
    }

    fn remember_stream(
        &mut self,
        key: PublicMemberKey,
        sid: StreamId,
        name: String,
        last: Option<u64>,
    ) {
        let place = (key, sid);
        if self.streams.len() >= MAX_TRACKED && !self.streams.contains_key(&place) {
            return self.note_overflow();
        }
        let stream = self.streams.entry(place).or_insert(Stream { name, last, has_gap: false });
        stream.last = stream.last.or(last);
    }

    /// Records a message id. Returns `false` if it is known.
    fn remember_id(&mut self, key: PublicMemberKey, mid: MessageId) -> bool {
        if self.id_count >= MAX_IDS {
            let is_known = self.ids.get(&key).is_some_and(|ids| ids.known.contains(&mid));
            self.note_overflow();
            return !is_known;
        }
        let ids = self.ids.entry(key).or_default();
        if !ids.known.insert(mid) {
            return false;
        }
        ids.order.push_back(mid);
        self.id_count += 1;
        if ids.order.len() > IDS_PER_KEY
            && let Some(oldest) = ids.order.pop_front()
        {
            ids.known.remove(&oldest);
            self.id_count -= 1;
        }
        true
    }

    fn set_head(&mut self, number: u64, view: ChainHash) {
        self.head = (number, view);
        self.views.insert(number, view);
        while self.views.len() > VIEWS {
            self.views.pop_first();
        }
    }

    /// The server shows another past than before: what was known of it counts no more.
    fn note_other_past(&mut self) {
        if !std::mem::replace(&mut self.past_differs, true) {
            self.warnings.push(RoomWarning::OtherPast);
        }
        self.known_up_to = 0;
        self.views.clear();
    }

    fn note_overflow(&mut self) {
        if !std::mem::replace(&mut self.is_overflowing, true) {
            self.warnings.push(RoomWarning::NotWatched);
        }
    }
}

/// Returns whether an envelope of this kind may come in this event.
const fn is_fit(event: EventKind, kind: EnvelopeKind) -> bool {
    matches!(
        (event, kind),
        (EventKind::Message, EnvelopeKind::Text | EnvelopeKind::Private)
            | (EventKind::Cleared, EnvelopeKind::Clear)
    )
}
