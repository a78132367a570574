//! Time for the state machines: passed in as an argument, never read from a clock.

use std::time::Duration;

use jiff::Timestamp;

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

/// The wall-clock time at [`Tick::ZERO`]. It lets a state machine date messages
/// without reading a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(Timestamp);

impl Epoch {
    /// Creates an epoch from `start`, the wall-clock time at [`Tick::ZERO`].
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self(start)
    }

    /// Returns the wall-clock time at `now`, or the last representable one if that overflows.
    #[must_use]
    pub fn at(self, now: Tick) -> Timestamp {
        self.0
            .saturating_add(
                jiff::SignedDuration::try_from(now.0).unwrap_or(jiff::SignedDuration::MAX),
            )
            .unwrap_or(Timestamp::MAX)
    }

    /// Returns the whole seconds since 1970 at `now`, as in Fernet tokens; zero before 1970.
    #[must_use]
    pub fn unix_seconds(self, now: Tick) -> u64 {
        u64::try_from(self.at(now).as_second()).unwrap_or(0)
    }
}
