//! Time as the machines see it: an argument, never a clock.

use std::time::Duration;

use jiff::Timestamp;

/// A moment of one run, counted from the run's beginning; monotonic, like
/// [`std::time::Instant`], but made by the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(Duration);

impl Tick {
    /// The beginning of the run.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `elapsed` after the beginning.
    #[must_use]
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Time since the beginning.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to here; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `wait` after this one.
    #[must_use]
    pub const fn saturating_add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

/// What the wall clock showed at [`Tick::ZERO`]. With it a machine can date
/// messages without looking at a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(Timestamp);

impl Epoch {
    /// `start` is the wall time at [`Tick::ZERO`].
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self(start)
    }

    /// Wall time at `now`; the last representable one if that overflows.
    #[must_use]
    pub fn at(self, now: Tick) -> Timestamp {
        self.0
            .saturating_add(
                jiff::SignedDuration::try_from(now.0).unwrap_or(jiff::SignedDuration::MAX),
            )
            .unwrap_or(Timestamp::MAX)
    }

    /// Whole seconds since 1970 at `now`, as Fernet tokens carry them; zero before 1970.
    #[must_use]
    pub fn unix_seconds(self, now: Tick) -> u64 {
        u64::try_from(self.at(now).as_second()).unwrap_or(0)
    }
}
