//! What a member of a strict room watches over (PROTOCOL 2.6): that the server
//! loses, repeats, withholds, re-attributes and reorders nothing without being
//! noticed.
//!
//! Theory of operation. Every event has a number and moves the view, a hash
//! over all events, on. Every envelope says what its author had heard when it
//! was written, and where it stands among the author's own. [`Auditor::judge`]
//! compares, in the order of the table in PROTOCOL 2.6; the first check that
//! fails for good ends the judgement, but the view moves on all the same, since
//! it says what was shown and not what was believed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    client::{RejectReason, Warning},
    crypto::fernet::RoomKey,
    seed::Rng,
    strict_room::envelope::{Envelope, EnvelopeKind, StreamId},
    strict_room::hash_chain::ChainHash,
    time::{Epoch, Tick},
    untrusted::Untrusted,
    username::Username,
    wire::{FernetToken, server_message::MessageData},
};

/// Views that are kept, of the last events.
const VIEWS: usize = 4_096;
/// Own envelopes that are kept, of the last ones.
const OWN: usize = 4_096;
/// More authors, and more names, than this are not kept track of.
const MAX_AUTHORS: usize = 16_384;
/// Envelopes dated further from one's own clock are doubtful.
const CLOCK: Duration = Duration::from_secs(300);

/// One member's watch over one session.
pub(crate) struct Auditor {
    name: Username,
    sid: StreamId,
    /// Number of the last event.
    number: u64,
    /// After the last events, the newest last; never empty.
    views: VecDeque<ChainHash>,
    authors: BTreeMap<StreamId, AuthorState>,
    /// Names that joined while this session was listening.
    joined: BTreeSet<String>,
    /// Own tokens; the first has this number.
    own: VecDeque<FernetToken>,
    own_from: u64,
}

/// What is known of one connection of somebody's.
struct AuthorState {
    from: String,
    /// The number its next envelope should have.
    next: u64,
}

/// What is to be done with an event.
pub(crate) enum AuditResult {
    /// Take it, with these doubts.
    Accept(Box<VerifiedMessage>),
    /// It cannot be read.
    Unreadable,
    /// It is nobody's.
    Reject(RejectReason),
}

/// An envelope that passed.
pub(crate) struct VerifiedMessage {
    pub(crate) from: String,
    pub(crate) text: Zeroizing<String>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) doubts: Vec<Warning>,
}

/// The server lost or repeated events.
pub(crate) struct ServerMisbehaved;

impl Auditor {
    /// From event `number` on, after which the view was `view`.
    pub(crate) fn new(name: Username, (number, view): (u64, ChainHash), rng: &mut Rng) -> Self {
        let sid = rng.bytes();
        let own = AuthorState { from: name.as_str().to_owned(), next: 0 };
        Self {
            name,
            sid,
            number,
            views: VecDeque::from([view]),
            authors: BTreeMap::from([(sid, own)]),
            joined: BTreeSet::new(),
            own: VecDeque::new(),
            own_from: 0,
        }
    }

    /// Number and view of the last event.
    pub(crate) fn head(&self) -> (u64, ChainHash) {
        (self.number, self.views.back().copied().unwrap_or(ChainHash::GENESIS))
    }

    /// Somebody came while this session was listening.
    pub(crate) fn record_join(&mut self, name: &str) {
        if self.joined.len() < MAX_AUTHORS {
            self.joined.insert(name.to_owned());
        }
    }

    /// The next envelope of this member's, composed now; `None` if its token
    /// would be too long, and then nothing has changed.
    pub(crate) fn compose(
        &mut self,
        kind: EnvelopeKind,
        text: &str,
        key: &RoomKey,
        unix_seconds: u64,
        iv: [u8; 16],
    ) -> Option<FernetToken> {
        let (n, view) = self.head();
        let envelope = Envelope {
            kind,
            from: self.name.as_str().to_owned(),
            sid: self.sid,
            seq: self.own_from + self.own.len() as u64,
            n,
            view: view.truncated(),
            text: Zeroizing::new(text.to_owned()),
        };
        let token = FernetToken::new(key.seal(unix_seconds, iv, &envelope.encode()))?;
        self.own.push_back(token.clone());
        if self.own.len() > OWN {
            self.own.pop_front();
            self.own_from += 1;
        }
        Some(token)
    }

    /// Judges the next event. `live`: it does not belong to the history.
    pub(crate) fn judge(
        &mut self,
        data: &MessageData,
        kind: EnvelopeKind,
        key: &RoomKey,
        live: Option<(Tick, Epoch)>,
    ) -> Result<AuditResult, ServerMisbehaved> {
        let number = self.number.checked_add(1).ok_or(ServerMisbehaved)?;
        if data.n != Some(number) {
            return Err(ServerMisbehaved);
        }
        let token = data.token.as_deref().unwrap_or_default();
        let verdict = self.check_envelope(data, token, kind, key, live);
        let (_, view) = self.head();
        self.number = number;
        self.views.push_back(view.append(token, data.author.raw()));
        if self.views.len() > VIEWS {
            self.views.pop_front();
        }
        Ok(verdict)
    }

    fn check_envelope(
        &mut self,
        data: &MessageData,
        token: &str,
        kind: EnvelopeKind,
        key: &RoomKey,
        live: Option<(Tick, Epoch)>,
    ) -> AuditResult {
        let opened = key.open(token).ok();
        let envelope = opened.as_ref().and_then(|opened| Envelope::decode(&opened.text));
        let (Some(opened), Some(envelope)) = (opened, envelope) else {
            return AuditResult::Unreadable;
        };
        if envelope.kind != kind {
            return AuditResult::Unreadable;
        }
        let mut doubts = Vec::new();
        if !self.matches_chain(&envelope) {
            doubts.push(Warning::SplitView);
        }
        let known = self.authors.get(&envelope.sid);
        if envelope.from != data.author.raw() || known.is_some_and(|a| a.from != envelope.from) {
            return AuditResult::Reject(RejectReason::Forged(Untrusted::new(envelope.from)));
        }
        if envelope.sid == self.sid && !self.is_own(envelope.seq, token) {
            return AuditResult::Reject(RejectReason::Altered);
        }
        let first_seen = match known {
            Some(author) => Some(author.next),
            // Who came while we listened has said nothing before.
            None if live.is_some() && self.joined.contains(&envelope.from) => Some(0),
            None => None,
        };
        match first_seen {
            Some(next) if envelope.seq < next => {
                return AuditResult::Reject(RejectReason::Replayed);
            }
            Some(next) if envelope.seq > next => doubts.push(Warning::Missing(envelope.seq - next)),
            Some(_) | None => {}
        }
        let at = i64::try_from(opened.unix_seconds).ok();
        let at = at.and_then(|seconds| Timestamp::from_second(seconds).ok());
        if live.is_some_and(|(now, epoch)| {
            epoch.unix_seconds(now).abs_diff(opened.unix_seconds) > CLOCK.as_secs()
        }) {
            doubts.push(Warning::Clock);
        }
        self.remember(&envelope);
        let Envelope { from, text, .. } = envelope;
        AuditResult::Accept(Box::new(VerifiedMessage { from, text, at, doubts }))
    }

    /// Whether its author had heard what this member has.
    fn matches_chain(&self, envelope: &Envelope) -> bool {
        let Some(ago) = self.number.checked_sub(envelope.n) else { return false };
        let ago = usize::try_from(ago).unwrap_or(usize::MAX);
        // What is longer ago than the views are kept cannot be compared.
        let view = self.views.iter().rev().nth(ago);
        view.is_none_or(|view| envelope.matches_chain(view))
    }

    /// Whether it is what this member sent under that number, as far as is still known.
    fn is_own(&self, seq: u64, token: &str) -> bool {
        let Some(at) = seq.checked_sub(self.own_from) else { return true };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.own.get(at).is_some_and(|own| own.as_str() == token)
    }

    fn remember(&mut self, envelope: &Envelope) {
        let next = envelope.seq.saturating_add(1);
        if let Some(author) = self.authors.get_mut(&envelope.sid) {
            author.next = next;
        } else if self.authors.len() < MAX_AUTHORS {
            self.authors.insert(envelope.sid, AuthorState { from: envelope.from.clone(), next });
        }
    }
}
