//! Rate limiting.

use crate::{server::limits::Rate, time::Tick};

/// A rate limiter for one [`Rate`]: the generic cell rate algorithm (ITU-T I.371,
/// "virtual scheduling").
#[derive(Debug)]
pub(crate) struct RateLimiter {
    rate: Rate,
    /// Time at which the next event would be due if all events were evenly
    /// spaced.
    due: Tick,
}

impl RateLimiter {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { rate, due: Tick::ZERO }
    }

    /// Returns the earliest time of the next event: `now` or later.
    pub(crate) fn ready_at(&self, now: Tick) -> Tick {
        let ahead = self.rate.interval.saturating_mul(self.rate.burst.saturating_sub(1));
        let earliest = Tick::from_start(self.due.since_start().saturating_sub(ahead));
        earliest.max(now)
    }

    /// Returns the time from which the whole burst is available again.
    pub(crate) const fn due(&self) -> Tick {
        self.due
    }

    /// Counts one event at `now`.
    pub(crate) fn consume(&mut self, now: Tick) {
        self.due = self.due.max(now).saturating_add(self.rate.interval);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rate_limiter_allows_burst_then_one_per_interval() {
        let mut pace = RateLimiter::new(Rate { burst: 3, interval: Duration::from_secs(1) });
        let at = |seconds| Tick::from_start(Duration::from_secs(seconds));
        for _ in 0..3 {
            assert_eq!(pace.ready_at(at(100)), at(100));
            pace.consume(at(100));
        }
        assert_eq!(pace.ready_at(at(100)), at(101));
        pace.consume(at(101));
        assert_eq!(pace.ready_at(at(101)), at(102));
        assert_eq!(pace.ready_at(at(200)), at(200), "a pause restores the burst and no more");
        for _ in 0..3 {
            pace.consume(at(200));
        }
        assert_eq!(pace.ready_at(at(200)), at(201));
    }
}
