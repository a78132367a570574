//! Admission control (PROTOCOL 3.1): limits on concurrent logins and members,
//! penalties for failed logins, and username reservation.
//!
//! One lock guards all state shared by logins: the connections that are logging
//! in, the penalties of sources with failed logins, and the names in use. It is
//! never held across a wait. A connection holds a [`LoginPermit`] while it logs
//! in and a [`MemberSlot`] while it is in the room. Dropping either releases it,
//! however the connection ended.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    error::WireError,
    server::{
        limits::{Limits, Rate},
        rate_limit::RateLimiter,
    },
    time::Tick,
    username::Username,
};

const PROOF_FAILED: Duration = Duration::from_secs(5);
const LEFT_BEFORE_PROOF: Duration = Duration::from_secs(1);
const TOOK_TOO_LONG: Duration = Duration::from_secs(10);
/// Penalty, rounded up to whole seconds, from which its source is banned until
/// the penalty has expired.
const ENFORCED_FROM: Duration = Duration::from_secs(15);
const PENALTY_AT_MOST: Duration = Duration::from_secs(600);
/// Maximum number of sources with recorded state.
const SOURCES_REMEMBERED: usize = 65_536;
/// Rate of wrong proofs from all sources together. Above it, line 2 is sent only
/// once per interval.
const WRONG_PROOFS: Rate = Rate { burst: 60, interval: Duration::from_secs(1) };

/// Admission control of one server. Clones share their state.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limits: Limits,
    logins: usize,
    sources: BTreeMap<IpAddr, SourceState>,
    /// Case-folded names of the members.
    names: BTreeMap<String, MemberId>,
    seats: u64,
    wrong_proofs: RateLimiter,
    /// The members have been notified of the current brute-force attack.
    siege_told: bool,
    next_challenge: Tick,
}

/// State of one source.
#[derive(Debug, Default)]
struct SourceState {
    logins: usize,
    members: usize,
    penalty_until: Tick,
    kept_out: bool,
}

impl SourceState {
    fn is_empty(&self, now: Tick) -> bool {
        self.logins == 0 && self.members == 0 && self.penalty_until <= now
    }
}

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
            logins: 0,
            sources: BTreeMap::new(),
            names: BTreeMap::new(),
            seats: 0,
            wrong_proofs: RateLimiter::new(WRONG_PROOFS),
            siege_told: false,
            next_challenge: Tick::ZERO,
        })))
    }

    /// Admits a connection from `address` to a login. If `None`, close it at once
    /// without sending anything.
    #[must_use]
    pub fn try_login(&self, now: Tick, address: IpAddr) -> Option<LoginPermit> {
        let mut state = self.state();
        let source = state.limits.source_key(address);
        if state.limits.max_logins.is_some_and(|most| state.logins >= most) {
            return None;
        }
        let per_source = state.limits.max_logins_per_source;
        if let Some(account) = source.and_then(|source| state.sources.get_mut(&source)) {
            if account.penalty_until <= now {
                account.kept_out = false;
            }
            if account.kept_out || per_source.is_some_and(|most| account.logins >= most) {
                return None;
            }
        }
        state.logins += 1;
        state.with_account(now, source, |account| account.logins += 1);
        Some(LoginPermit { admission: self.clone(), source, at_work: false })
    }

    /// Returns whether a brute-force attack has begun that the members have not
    /// been notified of. During an attack, new logins are delayed.
    #[must_use]
    pub fn take_attack_notice(&self, now: Tick) -> bool {
        let mut state = self.state();
        let under_attack = state.wrong_proofs.ready_at(now) > now;
        let announced = std::mem::replace(&mut state.siege_told, under_attack);
        under_attack && !announced
    }

    #[cfg(feature = "fuzzing")]
    pub(crate) fn counts(&self) -> AdmissionCounts {
        let state = self.state();
        AdmissionCounts {
            logins: state.logins,
            members: state.names.len(),
            counted_logins: state.sources.values().map(|account| account.logins).sum(),
            counted_members: state.sources.values().map(|account| account.members).sum(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can leave the state inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limits {
    /// Returns the source to which an address belongs: an IPv4 address or an IPv6
    /// /64. `None` if limits and penalties do not apply to it.
    fn source_key(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        if address.is_loopback() && !self.limit_loopback {
            return None;
        }
        Some(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        })
    }
}

impl State {
    fn with_account(
        &mut self,
        now: Tick,
        source: Option<IpAddr>,
        change: impl FnOnce(&mut SourceState),
    ) {
        let Some(source) = source else { return };
        if self.sources.len() >= SOURCES_REMEMBERED && !self.sources.contains_key(&source) {
            self.sources.retain(|_, account| !account.is_empty(now));
        }
        // If all recorded sources have connections or penalties, a new source is
        // not counted. This bounds memory.
        if self.sources.len() < SOURCES_REMEMBERED || self.sources.contains_key(&source) {
            let account = self.sources.entry(source).or_default();
            change(account);
            if account.is_empty(now) {
                self.sources.remove(&source);
            }
        }
    }

    fn penalize(&mut self, now: Tick, source: Option<IpAddr>, penalty: Duration) {
        self.with_account(now, source, |account| {
            let until = account.penalty_until.max(now).saturating_add(penalty);
            account.penalty_until = until.min(now.saturating_add(PENALTY_AT_MOST));
            let seconds = account.penalty_until.saturating_duration_since(now).as_secs_f64().ceil();
            account.kept_out |= seconds >= ENFORCED_FROM.as_secs_f64();
        });
    }
}

/// A permit to log in, held by one connection until its login ends.
#[derive(Debug)]
pub struct LoginPermit {
    admission: Admission,
    source: Option<IpAddr>,
    /// The server has spent a computation on this login, so abandoning it is
    /// penalized.
    at_work: bool,
}

impl LoginPermit {
    pub(crate) fn name_is_free(&self, name: &Username) -> bool {
        !self.admission.state().names.contains_key(&name.folded())
    }

    /// Returns when line 2 may be sent: `now`, or later during a brute-force
    /// attack.
    pub(crate) fn challenge_ready_at(&mut self, now: Tick) -> Tick {
        self.at_work = true;
        if self.source.is_none() {
            return now;
        }
        let mut state = self.admission.state();
        if state.wrong_proofs.ready_at(now) == now {
            return now;
        }
        let at = state.next_challenge.max(now);
        state.next_challenge = at.saturating_add(WRONG_PROOFS.interval);
        at
    }

    pub(crate) fn proof_failed(&mut self, now: Tick) {
        self.at_work = false;
        let mut state = self.admission.state();
        if self.source.is_some() {
            state.wrong_proofs.consume(now);
        }
        state.penalize(now, self.source, PROOF_FAILED);
    }

    pub(crate) fn timed_out(&mut self, now: Tick) {
        self.at_work = false;
        self.admission.state().penalize(now, self.source, TOOK_TOO_LONG);
    }

    /// Records that the connection ended, or violated the protocol, before its
    /// proof.
    pub(crate) fn abandoned(&mut self, now: Tick) {
        if std::mem::take(&mut self.at_work) {
            self.admission.state().penalize(now, self.source, LEFT_BEFORE_PROOF);
        }
    }

    /// Claims the name and a member slot, atomically.
    pub(crate) fn claim_slot(
        self,
        now: Tick,
        name: Username,
    ) -> Result<MemberSlot, (Self, WireError)> {
        let mut state = self.admission.state();
        let folded = name.folded();
        let members_here = self
            .source
            .and_then(|source| state.sources.get(&source))
            .map_or(0, |account| account.members);
        let refusal = if state.names.contains_key(&folded) {
            Some(WireError::UsernameTaken)
        } else if state.limits.max_members.is_some_and(|most| state.names.len() >= most)
            || state.limits.max_members_per_source.is_some_and(|most| members_here >= most)
        {
            Some(WireError::RoomFull)
        } else {
            None
        };
        if let Some(text) = refusal {
            drop(state);
            return Err((self, text));
        }
        let id = MemberId(state.seats);
        state.seats += 1;
        state.names.insert(folded, id);
        state.with_account(now, self.source, |account| account.members += 1);
        drop(state);
        Ok(MemberSlot { admission: self.admission.clone(), source: self.source, name, id })
    }
}

impl Drop for LoginPermit {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        state.logins = state.logins.saturating_sub(1);
        state.with_account(Tick::ZERO, self.source, |account| {
            account.logins = account.logins.saturating_sub(1)
        });
    }
}

/// A place in the room and a reserved name, until dropped.
#[derive(Debug)]
pub struct MemberSlot {
    admission: Admission,
    source: Option<IpAddr>,
    name: Username,
    id: MemberId,
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
}

impl Drop for MemberSlot {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        state.names.remove(&self.name.folded());
        state.with_account(Tick::ZERO, self.source, |account| {
            account.members = account.members.saturating_sub(1)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(seconds: u64) -> Tick {
        Tick::from_start(Duration::from_secs(seconds))
    }

    fn name(text: &str) -> Username {
        Username::new(text).unwrap()
    }

    #[test]
    fn three_failed_logins_ban_source_until_penalty_ends() {
        let admission = Admission::new(&Limits::default());
        for _ in 0..3 {
            admission.try_login(at(100), FAR).unwrap().proof_failed(at(100));
        }
        assert!(admission.try_login(at(100), FAR).is_none());
        assert!(admission.try_login(at(114), FAR).is_none());
        assert!(
            admission.try_login(at(114), "192.0.2.8".parse().unwrap()).is_some(),
            "other sources are not affected"
        );
        assert!(admission.try_login(at(115), FAR).is_some());
    }

    #[test]
    fn penalty_is_capped_at_ten_minutes() {
        let admission = Admission::new(&Limits {
            max_logins: None,
            max_logins_per_source: None,
            ..Limits::default()
        });
        let mut passes: Vec<_> = (0..500).filter_map(|_| admission.try_login(at(0), FAR)).collect();
        passes.iter_mut().for_each(|pass| pass.proof_failed(at(0)));
        drop(passes);
        assert!(admission.try_login(at(599), FAR).is_none());
        assert!(admission.try_login(at(600), FAR).is_some());
    }

    #[test]
    fn loopback_is_exempt_unless_limited() {
        for (limit_loopback, shut) in [(false, false), (true, true)] {
            let admission = Admission::new(&Limits { limit_loopback, ..Limits::default() });
            for _ in 0..100 {
                if let Some(mut pass) = admission.try_login(at(0), HERE) {
                    pass.proof_failed(at(0));
                }
            }
            assert_eq!(admission.try_login(at(0), HERE).is_none(), shut);
        }
    }

    #[test]
    fn source_is_ipv6_prefix_or_mapped_ipv4() {
        let limits = Limits { max_logins_per_source: Some(1), ..Limits::default() };
        let admission = Admission::new(&limits);
        let _first = admission.try_login(at(0), "2001:db8::1".parse().unwrap()).unwrap();
        assert!(admission.try_login(at(0), "2001:db8::2:3:4".parse().unwrap()).is_none());
        assert!(admission.try_login(at(0), "2001:db8:0:1::1".parse().unwrap()).is_some());
        let _mapped = admission.try_login(at(0), "::ffff:192.0.2.7".parse().unwrap()).unwrap();
        assert!(admission.try_login(at(0), FAR).is_none());
    }

    #[test]
    fn dropped_permit_or_slot_is_released() {
        let limits = Limits { max_logins: Some(1), max_members: Some(1), ..Limits::default() };
        let admission = Admission::new(&limits);
        let pass = admission.try_login(at(0), FAR).unwrap();
        assert!(admission.try_login(at(0), HERE).is_none());
        let seat = pass.claim_slot(at(0), name("alice")).unwrap();
        let refused = admission.try_login(at(0), HERE).unwrap().claim_slot(at(0), name("bob"));
        assert_eq!(refused.map_err(|(_, text)| text).err(), Some(WireError::RoomFull));
        let refused = admission.try_login(at(0), HERE).unwrap().claim_slot(at(0), name("ALICE"));
        assert_eq!(refused.map_err(|(_, text)| text).err(), Some(WireError::UsernameTaken));
        drop(seat);
        assert!(admission.try_login(at(0), HERE).unwrap().claim_slot(at(0), name("Alice")).is_ok());
        assert!(
            admission.state().sources.is_empty(),
            "no state is kept for a source without connections"
        );
    }

    #[test]
    fn challenges_are_throttled_during_brute_force() {
        let admission = Admission::new(&Limits {
            max_logins: None,
            max_logins_per_source: None,
            ..Limits::default()
        });
        let mut pass = admission.try_login(at(0), FAR).unwrap();
        assert_eq!(pass.challenge_ready_at(at(0)), at(0));
        for _ in 0..60 {
            pass.proof_failed(at(0));
        }
        let mut honest = admission.try_login(at(0), "198.51.100.1".parse().unwrap()).unwrap();
        assert_eq!(honest.challenge_ready_at(at(0)), at(0));
        assert_eq!(honest.challenge_ready_at(at(0)), at(1));
        assert_eq!(honest.challenge_ready_at(at(0)), at(2));
        assert_eq!(honest.challenge_ready_at(at(100)), at(100));
    }
}
