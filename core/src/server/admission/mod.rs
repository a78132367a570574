//! Admission control (PROTOCOL 3.1): limits on concurrent logins and members,
//! penalties for failed logins, and username reservation.
//!
//! One lock guards all state shared by logins: the connections that are logging
//! in, the penalties of sources with failed logins, and the names in use. It is
//! never held across a wait. A connection holds a [`LoginPermit`] while it logs
//! in and a [`MemberSlot`] while it is in the room. Dropping either releases it,
//! however the connection ended.

mod resume;
mod source;
mod turns;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use self::{resume::ResumeClaim, turns::Turn};
use self::{
    resume::ResumeKeys,
    source::{Source, Sources},
    turns::Turns,
};
use crate::{
    crypto::key_schedule::ResumeKey,
    error::WireError,
    server::limits::{Limits, Rate},
    time::Tick,
    username::Username,
};

pub use self::source::Origin;

const PROOF_FAILED: Duration = Duration::from_secs(5);
const LEFT_BEFORE_PROOF: Duration = Duration::from_secs(1);
const TOOK_TOO_LONG: Duration = Duration::from_secs(10);
/// Time for which a connection may keep the server waiting for a line before a new
/// one may replace it.
const REPLACEABLE_AFTER: Duration = Duration::from_secs(1);
/// Rate of wrong proofs from all addresses together. Above it, line 2 is sent only
/// once per interval.
const WRONG_PROOFS: Rate = Rate { burst: 60, interval: Duration::from_secs(1) };
/// The same for anonymous clients, which have a queue of their own.
const ANONYMOUS_WRONG_PROOFS: Rate = Rate { burst: 20, interval: Duration::from_secs(3) };
/// Maximum number of anonymous clients that are logging in.
const MAX_ANONYMOUS_LOGINS: usize = 32;

/// Admission control of one server. Clones share their state.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limits: Limits,
    /// The latest time that a caller has passed, for what happens on drop.
    now: Tick,
    logins: BTreeMap<LoginId, PendingLogin>,
    next_login: u64,
    sources: Sources,
    /// Case-folded names of the members.
    names: BTreeMap<String, MemberId>,
    next_member: u64,
    resume_keys: ResumeKeys,
    turns: Turns,
    anonymous_turns: Turns,
    /// The members have been notified of the current brute-force attack.
    attack_announced: bool,
}

/// A connection that is logging in.
#[derive(Debug)]
struct PendingLogin {
    source: Source,
    is_anonymous: bool,
    /// Since when the server has been waiting for a line of the client.
    waiting_since: Option<Tick>,
}

/// The number of a login. It is never reused while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoginId(u64);

/// The number of a member. It is never reused while the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberId(u64);

/// Counts of logins and members: in total, and of the sources that limits apply
/// to.
#[cfg(feature = "fuzzing")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AdmissionCounts {
    pub(crate) logins: usize,
    pub(crate) members: usize,
    pub(crate) counted_logins: usize,
    pub(crate) counted_members: usize,
}

impl Admission {
    /// Creates the admission control of an empty room.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(Mutex::new(State {
            limits: limits.clone(),
            now: Tick::ZERO,
            logins: BTreeMap::new(),
            next_login: 0,
            sources: Sources::default(),
            names: BTreeMap::new(),
            next_member: 0,
            resume_keys: ResumeKeys::default(),
            turns: Turns::new(WRONG_PROOFS),
            anonymous_turns: Turns::new(ANONYMOUS_WRONG_PROOFS),
            attack_announced: false,
        })))
    }

    /// Admits a connection to a login. If `None`, close it at once without sending
    /// anything. If [`LoginPermit::replaced`] names a login, close that one.
    #[must_use]
    pub fn try_login(&self, now: Tick, origin: impl Into<Origin>) -> Option<LoginPermit> {
        let origin = origin.into();
        let is_anonymous = origin == Origin::Anonymous;
        let mut state = self.state(now);
        let source = Source::new(&state.limits, origin);
        let mut replaced = None;
        let is_refused = state.sources.is_banned(now, source);
        // A source that lost a member may come back once without limits.
        let is_free = (is_refused || state.is_full(source, is_anonymous).is_some())
            && state.sources.take_free_login(now, source);
        if !is_free {
            if is_refused {
                return None;
            }
            if let Some(full) = state.is_full(source, is_anonymous) {
                let victim = state.longest_waiting(now, source, is_anonymous, full)?;
                state.end_login(now, victim);
                replaced = Some(victim);
            }
        }
        let id = LoginId(state.next_login);
        state.next_login += 1;
        let State { sources, limits, logins, .. } = &mut *state;
        sources.add_login(now, limits, source);
        logins.insert(id, PendingLogin { source, is_anonymous, waiting_since: Some(now) });
        drop(state);
        let admission = self.clone();
        Some(LoginPermit {
            admission,
            id,
            source,
            is_anonymous,
            is_free,
            is_settled: false,
            replaced,
        })
    }

    /// Returns whether a brute-force attack has begun that the members have not
    /// been notified of. During an attack, new logins are delayed.
    #[must_use]
    pub fn take_attack_notice(&self, now: Tick) -> bool {
        let mut state = self.state(now);
        let under_attack = state.turns.is_delaying(now) || state.anonymous_turns.is_delaying(now);
        let announced = std::mem::replace(&mut state.attack_announced, under_attack);
        under_attack && !announced
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn counts(&self) -> AdmissionCounts {
        let state = self.state(Tick::ZERO);
        let (counted_logins, counted_members) = state.sources.counts();
        AdmissionCounts {
            logins: state.logins.len(),
            members: state.names.len(),
            counted_logins,
            counted_members,
        }
    }

    fn state(&self, now: Tick) -> MutexGuard<'_, State> {
        // No code that holds the lock can leave the state inconsistent.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = state.now.max(now);
        state
    }
}

/// The limit that a new login would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// The limit of all logins, or of all anonymous ones.
    All,
    /// The limit of the source.
    Source,
}

impl State {
    fn is_full(&self, source: Source, is_anonymous: bool) -> Option<Full> {
        let limit = if is_anonymous { Some(MAX_ANONYMOUS_LOGINS) } else { self.limits.max_logins };
        let logins = self.logins.values().filter(|login| login.is_anonymous == is_anonymous);
        if self.sources.has_all_logins(&self.limits, source) {
            Some(Full::Source)
        } else if limit.is_some_and(|most| logins.count() >= most) {
            Some(Full::All)
        } else {
            None
        }
    }

    /// Returns the login that has kept the server waiting longest for a line.
    fn longest_waiting(
        &self,
        now: Tick,
        source: Source,
        is_anonymous: bool,
        full: Full,
    ) -> Option<LoginId> {
        let candidates = self.logins.iter().filter(|(_, login)| {
            login.is_anonymous == is_anonymous && (full == Full::All || login.source == source)
        });
        let waiting = candidates.filter_map(|(id, login)| Some((login.waiting_since?, *id)));
        let (since, id) = waiting.min()?;
        (now.saturating_duration_since(since) >= REPLACEABLE_AFTER).then_some(id)
    }

    /// Removes a login that has not been removed yet.
    fn end_login(&mut self, now: Tick, id: LoginId) {
        if let Some(login) = self.logins.remove(&id) {
            self.sources.remove_login(now, &self.limits, login.source);
            self.turns.leave(id);
            self.anonymous_turns.leave(id);
        }
    }

    fn turns(&mut self, is_anonymous: bool) -> &mut Turns {
        if is_anonymous { &mut self.anonymous_turns } else { &mut self.turns }
    }

    fn penalize(&mut self, now: Tick, source: Source, penalty: Duration, suspect: bool) {
        self.sources.penalize(now, &self.limits, source, penalty, suspect);
    }
}

/// A permit to log in, held by one connection until its login ends. A login that
/// ends without a right proof costs its source a penalty, unless it failed through
/// the server's own delay.
#[derive(Debug)]
pub struct LoginPermit {
    admission: Admission,
    id: LoginId,
    source: Source,
    is_anonymous: bool,
    /// The limits do not apply: the source has lost a member.
    is_free: bool,
    /// The penalty, if any, has been imposed.
    is_settled: bool,
    replaced: Option<LoginId>,
}

impl LoginPermit {
    /// Returns the number of this login.
    #[must_use]
    pub const fn id(&self) -> LoginId {
        self.id
    }

    /// Returns the login that this one has replaced, because it kept the server
    /// waiting. Its connection must be closed.
    #[must_use]
    pub const fn replaced(&self) -> Option<LoginId> {
        self.replaced
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) const fn is_free(&self) -> bool {
        self.is_free
    }

    pub(crate) fn name_is_free(&self, now: Tick, name: &Username) -> bool {
        !self.admission.state(now).names.contains_key(&name.folded())
    }

    /// Records whether the server is waiting for a line of the client.
    pub(crate) fn set_waiting(&mut self, now: Tick, is_waiting: bool) {
        if let Some(login) = self.admission.state(now).logins.get_mut(&self.id) {
            login.waiting_since = is_waiting.then(|| login.waiting_since.unwrap_or(now));
        }
    }

    /// Returns when line 2 may be sent: at once, or later during a brute-force
    /// attack and for a source that joins too often.
    pub(crate) fn challenge_turn(&mut self, now: Tick, deadline: Tick) -> Turn {
        if self.is_free {
            return Turn::Now;
        }
        let mut state = self.admission.state(now);
        let join = state.sources.next_join(now, self.source);
        if join > now {
            return if join < deadline { Turn::Wait(join) } else { Turn::TooLate };
        }
        let suspect = state.sources.is_suspect(now, self.source);
        let id = self.id;
        state.turns(self.is_anonymous).turn(now, id, suspect, deadline)
    }

    pub(crate) fn proof_failed(&mut self, now: Tick) {
        let mut state = self.admission.state(now);
        state.turns(self.is_anonymous).count_failure(now);
        state.penalize(now, self.source, PROOF_FAILED, true);
        drop(state);
        self.is_settled = true;
    }

    pub(crate) fn timed_out(&mut self, now: Tick) {
        self.settle(now, TOOK_TOO_LONG);
    }

    /// Ends the login without a penalty, because the server is too busy.
    pub(crate) fn overloaded(&mut self) {
        self.is_settled = true;
    }

    fn settle(&mut self, now: Tick, penalty: Duration) {
        if !std::mem::replace(&mut self.is_settled, true) {
            self.admission.state(now).penalize(now, self.source, penalty, false);
        }
    }

    /// Claims the name and a member slot for a client with a right proof, atomically.
    pub(crate) fn claim_slot(
        &mut self,
        now: Tick,
        name: Username,
    ) -> Result<MemberSlot, WireError> {
        self.claim_resumable_slot(now, name, None, None)
    }

    /// Claims a slot as [`Self::claim_slot`] does. `key` is the resume key of the
    /// sealed link. A right `claim` takes over the name, and the slot of a member
    /// that is still present.
    pub(crate) fn claim_resumable_slot(
        &mut self,
        now: Tick,
        name: Username,
        key: Option<ResumeKey>,
        claim: Option<&ResumeClaim>,
    ) -> Result<MemberSlot, WireError> {
        self.is_settled = true;
        let folded = name.folded();
        let mut state = self.admission.state(now);
        let resumed = claim.is_some_and(|claim| state.resume_keys.accepts(now, &folded, claim));
        let replaced = state.names.get(&folded).copied();
        let refusal = if !state.logins.contains_key(&self.id) {
            // Another login has replaced this one in the meantime.
            Some(WireError::TryAgainLater)
        } else if resumed {
            None
        } else if state.limits.max_members.is_some_and(|most| state.names.len() >= most) {
            Some(WireError::RoomFull)
        } else if state.sources.has_all_members(&state.limits, self.source) {
            Some(WireError::TooManyFromAddress)
        } else if replaced.is_some() {
            Some(WireError::UsernameTaken)
        } else {
            None
        };
        if let Some(text) = refusal {
            return Err(text);
        }
        let id = MemberId(state.next_member);
        state.next_member += 1;
        state.names.insert(folded.clone(), id);
        let State { sources, limits, resume_keys, .. } = &mut *state;
        sources.add_member(now, limits, self.source);
        if let Some(key) = key {
            resume_keys.insert(folded, id, key, claim);
        }
        drop(state);
        let admission = self.admission.clone();
        Ok(MemberSlot {
            admission,
            source: self.source,
            name,
            id,
            replaced,
            is_unconfirmed: resumed,
            lost: false,
        })
    }
}

impl Drop for LoginPermit {
    fn drop(&mut self) {
        let now = self.admission.state(Tick::ZERO).now;
        self.settle(now, LEFT_BEFORE_PROOF);
        self.admission.state(now).end_login(now, self.id);
    }
}

/// A place in the room and a reserved name, until dropped.
#[derive(Debug)]
pub struct MemberSlot {
    admission: Admission,
    source: Source,
    name: Username,
    id: MemberId,
    replaced: Option<MemberId>,
    /// The session resumes another one, and no record of it has come yet.
    is_unconfirmed: bool,
    lost: bool,
}

impl MemberSlot {
    /// Returns the number that identifies this member while the server runs.
    #[must_use]
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// Returns the member's name.
    #[must_use]
    pub const fn name(&self) -> &Username {
        &self.name
    }

    /// Returns the member whose place this one has taken: the same client over a
    /// connection that it has lost.
    #[must_use]
    pub const fn replaced(&self) -> Option<MemberId> {
        self.replaced
    }

    /// Records that the member's session ended without a `bye`, so that the member
    /// may resume it.
    pub(crate) fn mark_lost(&mut self) {
        self.lost = true;
    }

    /// Records that the member's first record has come.
    pub(crate) fn confirm(&mut self) {
        if std::mem::take(&mut self.is_unconfirmed) {
            let mut state = self.admission.state(Tick::ZERO);
            state.resume_keys.confirm(&self.name.folded(), self.id);
        }
    }
}

impl Drop for MemberSlot {
    fn drop(&mut self) {
        let mut state = self.admission.state(Tick::ZERO);
        let (now, folded) = (state.now, self.name.folded());
        if state.names.get(&folded) == Some(&self.id) {
            state.names.remove(&folded);
        }
        let until = self.lost.then(|| now.saturating_add(resume::KEPT));
        let State { sources, limits, resume_keys, .. } = &mut *state;
        resume_keys.end(now, &folded, self.id, self.lost);
        sources.remove_member(now, limits, self.source, until);
    }
}

#[cfg(test)]
mod tests;
