//! Limits of a server (PROTOCOL 3.1).

use std::time::Duration;

/// The limits of one server. `None` means no limit.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum time from accepting a connection to joining the room.
    pub login_timeout: Duration,
    /// Maximum number of connections that are logging in.
    pub max_logins: Option<usize>,
    /// Maximum number of connections from one source that are logging in.
    pub max_logins_per_source: Option<usize>,
    /// Maximum number of SRP computations that run at the same time.
    pub max_concurrent_srp: usize,
    /// Maximum number of SRP computations that wait for their turn.
    pub max_queued_srp: usize,
    /// Maximum number of members.
    pub max_members: Option<usize>,
    /// Maximum number of members from one source.
    pub max_members_per_source: Option<usize>,
    /// Maximum message rate of one member.
    pub message_rate: Option<Rate>,
    /// Minimum time between two `clear` requests of one member.
    pub clear_interval: Duration,
    /// Accept `clear` requests.
    pub allow_clear: bool,
    /// Maximum number of messages in the history that new members receive.
    pub max_history: Option<usize>,
    /// Maximum size of that history, in bytes of encoded messages.
    pub max_history_bytes: Option<usize>,
    /// Maximum number of unsent bytes of one member.
    pub max_backlog: Option<u64>,
    /// Maximum time in which a member with unsent bytes accepts none of them.
    pub stall_timeout: Option<Duration>,
    /// Apply the per-source limits and penalties to loopback addresses too.
    pub limit_loopback: bool,
}

/// A rate limit: a burst of `burst` events, and one more event every `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Size of the burst, at least 1.
    pub burst: u32,
    /// Long-term interval between two events.
    pub interval: Duration,
}

impl Default for Limits {
    /// Returns the "default" column of PROTOCOL 3.1, with one SRP computation at
    /// a time.
    fn default() -> Self {
        Self {
            login_timeout: Duration::from_secs(30),
            max_logins: Some(64),
            max_logins_per_source: Some(8),
            max_concurrent_srp: 1,
            max_queued_srp: 64,
            max_members: Some(128),
            max_members_per_source: Some(16),
            message_rate: Some(Rate { burst: 60, interval: Duration::from_millis(50) }),
            clear_interval: Duration::from_secs(10),
            allow_clear: true,
            max_history: Some(1_000),
            max_history_bytes: Some(4 << 20),
            max_backlog: Some(1 << 20),
            stall_timeout: Some(Duration::from_secs(30)),
            limit_loopback: false,
        }
    }
}
