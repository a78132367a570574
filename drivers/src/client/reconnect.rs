//! Reconnect policy: exponential backoff with jitter.

use std::{future::Future, num::NonZero, pin::Pin, time::Duration};

use cmdchat_core::{client::PendingMessage, seed::Seed, time::Tick};

use super::ClientHandle;

/// Milliseconds before the first attempts. The last value applies to all later attempts.
const BACKOFF_STEPS: [u64; 7] = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/// Re-establishes a lost connection.
pub struct Reconnect<'a, E> {
    time_limit: Duration,
    /// Seed of the jitter.
    seed: Seed,
    dial: Box<dyn Fn(Vec<PendingMessage>) -> ConnectFuture<'a, E> + 'a>,
    losses: u64,
    /// Backoff state since the last loss of the connection.
    backoff: Option<Backoff>,
}

/// An attempt to connect and log in.
pub type ConnectFuture<'a, E> =
    Pin<Box<dyn Future<Output = Result<ClientHandle, ConnectError<E>>> + 'a>>;

/// A failed attempt to connect.
#[derive(Debug)]
pub struct ConnectError<E> {
    /// The reason for the failure, as the caller reports it.
    pub error: E,
    /// The client may retry automatically.
    pub may_retry: bool,
    /// Unacknowledged messages, to be resent by the next attempt.
    pub unconfirmed: Vec<PendingMessage>,
}

impl<'a, E> Reconnect<'a, E> {
    /// Creates a policy that reconnects for up to `time_limit` after each loss.
    /// `dial` connects, logs in and resends the unacknowledged messages.
    #[must_use]
    pub fn new(
        time_limit: Duration,
        seed: Seed,
        dial: impl Fn(Vec<PendingMessage>) -> ConnectFuture<'a, E> + 'a,
    ) -> Self {
        Self { time_limit, seed, dial: Box::new(dial), losses: 0, backoff: None }
    }

    /// Returns the time limit for reconnecting.
    #[must_use]
    pub const fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Returns the time of the next attempt, or `None` if the time limit has passed
    /// since the connection was lost. Call it once per loss or failed attempt.
    pub fn next_attempt(&mut self, now: Tick) -> Option<Tick> {
        let backoff = self.backoff.get_or_insert_with(|| {
            self.losses += 1;
            Backoff::new(now, self.time_limit, &self.seed.fork("loss", self.losses))
        });
        backoff.next(now)
    }

    /// Connects, logs in and resends `unconfirmed`.
    pub fn dial(&self, unconfirmed: Vec<PendingMessage>) -> ConnectFuture<'a, E> {
        (self.dial)(unconfirmed)
    }

    /// Resets the backoff after a successful login.
    pub fn reset(&mut self) {
        self.backoff = None;
    }
}

/// Backoff state after one loss of the connection.
struct Backoff {
    give_up_at: Tick,
    attempts: usize,
    /// Jitter for each attempt, in thousandths of the maximum.
    jitter: Box<dyn Iterator<Item = u32>>,
}

impl Backoff {
    /// Creates a backoff that gives up `time_limit` after `now`. `seed` determines the
    /// jitter, which prevents clients that were disconnected together from
    /// reconnecting at the same time.
    fn new(now: Tick, time_limit: Duration, seed: &Seed) -> Self {
        const THOUSAND: NonZero<u32> = NonZero::new(1_000).unwrap();
        let jitter = Box::new(seed.uniform_below(THOUSAND));
        Self { give_up_at: now.saturating_add(time_limit), attempts: 0, jitter }
    }

    /// Returns the time of the next attempt, or `None` if the time limit has passed.
    fn next(&mut self, now: Tick) -> Option<Tick> {
        if now >= self.give_up_at {
            return None;
        }
        let wait =
            BACKOFF_STEPS.get(self.attempts).or(BACKOFF_STEPS.last()).copied().unwrap_or_default();
        let wait = Duration::from_millis(wait);
        self.attempts += 1;
        let jitter = wait / 2 * self.jitter.next().unwrap_or(0) / 1_000;
        Some(now.saturating_add(wait * 3 / 4 + jitter).min(self.give_up_at))
    }
}

#[cfg(test)]
mod tests {
    use cmdchat_core::secret::Secret;

    use super::*;

    fn waits(seed: u8) -> Vec<Duration> {
        let seed = Seed::new(Secret::fill_with(|bytes| bytes.fill(seed)));
        let mut backoff = Backoff::new(Tick::ZERO, Duration::from_secs(300), &seed);
        let mut now = Tick::ZERO;
        std::iter::from_fn(|| {
            let next = backoff.next(now)?;
            Some(next.saturating_duration_since(std::mem::replace(&mut now, next)))
        })
        .collect()
    }

    #[test]
    fn backoff_grows_up_to_the_time_limit() {
        let found = waits(1);
        for (wait, middle) in found.iter().zip(BACKOFF_STEPS) {
            let middle = Duration::from_millis(middle);
            assert!((middle * 3 / 4..=middle * 5 / 4).contains(wait), "{wait:?} for {middle:?}");
        }
        assert_eq!(found.iter().sum::<Duration>(), Duration::from_secs(300));
        assert_eq!(found, waits(1));
        assert_ne!(found, waits(2));
    }
}
