//! Detection of a server that drops, replays, withholds, misattributes or reorders messages in a
//! strict room (PROTOCOL 2.6).
//!
//! Theory of operation. Every event has a number and extends the hash chain over all events.
//! Every envelope states which events its author had received when it was written, and its
//! position in the author's own stream.
//!
//! [`Auditor::judge`] performs the checks in the order of the table in PROTOCOL 2.6. The first
//! failure that rejects the message ends the audit. The chain is extended nevertheless, because
//! it covers the events the server delivered, accepted or not.

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

/// Number of chain hashes kept, of the most recent events.
const VIEWS: usize = 4_096;
/// Number of own tokens kept, the most recent ones.
const OWN: usize = 4_096;
/// Maximum number of authors, and of names, that are tracked.
const MAX_AUTHORS: usize = 16_384;
/// Maximum difference from this client's clock before an envelope gets [`Warning::Clock`].
const CLOCK: Duration = Duration::from_secs(300);

/// One member's audit of one session.
pub(crate) struct Auditor {
    name: Username,
    sid: StreamId,
    /// Number of the last event.
    number: u64,
    /// Chain hashes after the most recent events, newest last; never empty.
    views: VecDeque<ChainHash>,
    authors: BTreeMap<StreamId, AuthorState>,
    /// Names of members that joined during this session.
    joined: BTreeSet<String>,
    /// Tokens of this member's most recent envelopes.
    own: VecDeque<FernetToken>,
    /// Number of the first token in `own`.
    own_from: u64,
}

/// Known state of one author's stream.
struct AuthorState {
    from: String,
    /// Expected number of its next envelope.
    next: u64,
}

/// Result of auditing one event.
pub(crate) enum AuditResult {
    /// The message passed, possibly with warnings.
    Accept(Box<VerifiedMessage>),
    /// The envelope cannot be decrypted or decoded.
    Unreadable,
    /// The message must not be attributed to any member.
    Reject(RejectReason),
}

/// The contents of an envelope that passed the audit.
pub(crate) struct VerifiedMessage {
    pub(crate) from: String,
    pub(crate) text: Zeroizing<String>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) doubts: Vec<Warning>,
}

/// The server lost or repeated events.
pub(crate) struct ServerMisbehaved;

impl Auditor {
    /// Creates an auditor that starts after event `number`, where the chain hash is `view`.
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

    /// Returns the number of the last event and the chain hash after it.
    pub(crate) fn head(&self) -> (u64, ChainHash) {
        (self.number, self.views.back().copied().unwrap_or(ChainHash::GENESIS))
    }

    /// Records that a member joined during this session.
    pub(crate) fn record_join(&mut self, name: &str) {
        if self.joined.len() < MAX_AUTHORS {
            self.joined.insert(name.to_owned());
        }
    }

    /// Composes this member's next envelope. Returns `None`, and changes nothing, if its token
    /// would be too long.
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

    /// Audits the next event. `live` is `None` for an event of the history.
    ///
    /// # Errors
    ///
    /// Returns [`ServerMisbehaved`] if the event does not have the next number.
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
            // A member that joined during this session has sent no earlier message.
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

    /// Returns whether the author had received the same events as this member.
    fn matches_chain(&self, envelope: &Envelope) -> bool {
        let Some(ago) = self.number.checked_sub(envelope.n) else { return false };
        let ago = usize::try_from(ago).unwrap_or(usize::MAX);
        // Hashes older than the kept ones cannot be compared.
        let view = self.views.iter().rev().nth(ago);
        view.is_none_or(|view| envelope.matches_chain(view))
    }

    /// Returns whether this member sent `token` under this number. Assumes so if the number is
    /// older than the kept tokens.
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
