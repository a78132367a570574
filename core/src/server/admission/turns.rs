//! The queue for line 2 while many proofs fail (PROTOCOL 3.1).

use std::{collections::BTreeSet, time::Duration};

use super::LoginId;
use crate::{
    server::{limits::Rate, rate_limit::RateLimiter},
    time::Tick,
};

/// Time that a login needs at least after line 2.
const TIME_TO_PROVE: Duration = Duration::from_secs(5);
/// Intervals without too many wrong proofs after which the queue ends. Without them all
/// that wait would pass together whenever the rate allows one more proof.
const CALM: u32 = 5;
/// Interval at which a waiting login checks whether logins before it have ended.
const RECHECK: Duration = Duration::from_secs(1);

/// Delays line 2 while more proofs fail than `rate` allows. Each login that ends
/// gives its turn back.
#[derive(Debug)]
pub(super) struct Turns {
    failures: RateLimiter,
    interval: Duration,
    /// While turns are given out one by one.
    delaying_until: Tick,
    next: Tick,
    /// Waiting logins in the order of their turns: those of suspect sources last.
    waiting: BTreeSet<(bool, LoginId)>,
}

/// A login's turn to receive line 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Now.
    Now,
    /// Ask again at this time.
    Wait(Tick),
    /// Too late for the rest of the login.
    TooLate,
}

impl Turns {
    pub(super) const fn new(rate: Rate) -> Self {
        Self {
            failures: RateLimiter::new(rate),
            interval: rate.interval,
            delaying_until: Tick::ZERO,
            next: Tick::ZERO,
            waiting: BTreeSet::new(),
        }
    }

    /// Counts a wrong proof.
    pub(super) fn count_failure(&mut self, now: Tick) {
        self.failures.consume(now);
        if self.failures.ready_at(now) > now {
            self.delaying_until = now.saturating_add(self.interval.saturating_mul(CALM));
        }
    }

    /// Returns true while line 2 is delayed.
    pub(super) fn is_delaying(&self, now: Tick) -> bool {
        self.failures.ready_at(now) > now || self.delaying_until > now
    }

    /// Returns the turn of a login that must be complete by `deadline`.
    pub(super) fn turn(
        &mut self,
        now: Tick,
        login: LoginId,
        suspect: bool,
        deadline: Tick,
    ) -> Turn {
        if !self.is_delaying(now) {
            self.leave(login);
            return Turn::Now;
        }
        self.leave(login);
        self.waiting.insert((suspect, login));
        let ahead = self.waiting.range(..(suspect, login)).count();
        if ahead == 0 && self.next <= now {
            self.leave(login);
            self.next = now.saturating_add(self.interval);
            return Turn::Now;
        }
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let at = self.next.max(now).saturating_add(self.interval.saturating_mul(ahead));
        if at.saturating_add(TIME_TO_PROVE) > deadline {
            self.leave(login);
            return Turn::TooLate;
        }
        Turn::Wait(at.min(now.saturating_add(RECHECK)))
    }

    /// Gives up the turn of a login that has ended.
    pub(super) fn leave(&mut self, login: LoginId) {
        for suspect in [false, true] {
            self.waiting.remove(&(suspect, login));
        }
    }
}
