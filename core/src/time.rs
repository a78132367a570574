//! Time for the state machines: passed in as an argument, never read from a clock.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

/// A monotonic instant, measured from the start of the run. It is like
/// [`std::time::Instant`], but the caller creates it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(Duration);

impl Tick {
    /// The start of the run.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// Returns the instant `elapsed` after the start.
    #[must_use]
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Returns the time since the start.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Returns the time from `earlier` to `self`, or zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the instant `wait` after this one, or the last one if that overflows.
    #[must_use]
    pub const fn saturating_add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

/// The smallest change of an [`Epoch`] that is not a measuring error.
const CLOCK_STEP: SignedDuration = SignedDuration::from_secs(1);

/// The wall-clock time at [`Tick::ZERO`]. It lets a state machine date messages
/// without reading a clock.
///
/// Ticks do not count the time for which the machine was suspended, and they ignore
/// that its clock was set. Both change the epoch, so a caller measures it again
/// from time to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(Timestamp);

impl Epoch {
    /// Creates an epoch from `start`, the wall-clock time at [`Tick::ZERO`].
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self(start)
    }

    /// Returns the epoch of a clock that shows `wall` at `now`.
    #[must_use]
    pub fn measured(now: Tick, wall: SystemTime) -> Self {
        let wall = Timestamp::try_from(wall).unwrap_or(Timestamp::UNIX_EPOCH);
        Self(wall.checked_sub(now.0).unwrap_or(Timestamp::MIN))
    }

    /// Replaces this epoch by a new measurement of the same clock, unless the two
    /// differ by less than a second. Returns whether it was replaced.
    pub(crate) fn correct(&mut self, measured: Self) -> bool {
        let changed = self.0.duration_since(measured.0).abs() >= CLOCK_STEP;
        if changed {
            *self = measured;
        }
        changed
    }

    /// Returns the wall-clock time at `now`, or the last representable one if that overflows.
    #[must_use]
    pub fn at(self, now: Tick) -> Timestamp {
        self.0
            .saturating_add(SignedDuration::try_from(now.0).unwrap_or(SignedDuration::MAX))
            .unwrap_or(Timestamp::MAX)
    }

    /// Returns the whole seconds since 1970 at `now`, as in Fernet tokens; zero before 1970.
    #[must_use]
    pub fn unix_seconds(self, now: Tick) -> u64 {
        u64::try_from(self.at(now).as_second()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_follows_steps_of_the_clock_but_not_measuring_errors() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let measured = |now, seconds| {
            Epoch::measured(now, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        };
        let now = Tick::from_start(Duration::from_secs(100));
        let mut epoch = measured(now, 1_100);
        assert_eq!(epoch, Epoch::new(at(1_000)));
        assert!(!epoch.correct(Epoch::new("1970-01-01T00:16:40.999Z".parse().unwrap())));
        assert_eq!(epoch.at(now), at(1_100));
        assert!(epoch.correct(measured(now, 4_700)));
        assert_eq!(epoch.at(now), at(4_700));
        assert!(epoch.correct(measured(now, 0)), "a clock may step back");
        assert_eq!(epoch.unix_seconds(now), 0);
    }
}
