//! What a server allows (PROTOCOL 3.1).

use std::time::Duration;

/// The limits of one server. `None` means no limit.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From accepting a connection to being in the room.
    pub login_timeout: Duration,
    /// Connections not yet in the room, all together.
    pub max_logins: Option<usize>,
    /// The same, from one source.
    pub max_logins_per_source: Option<usize>,
    /// SRP computations at a time.
    pub max_concurrent_srp: usize,
    /// SRP computations that may wait for their turn.
    pub max_queued_srp: usize,
    /// Members of the room.
    pub max_members: Option<usize>,
    /// Members from one source.
    pub max_members_per_source: Option<usize>,
    /// Messages a member may send.
    pub message_rate: Option<Rate>,
    /// A member's `clear` is heeded once in this time.
    pub clear_interval: Duration,
    /// `clear` is heeded at all.
    pub allow_clear: bool,
    /// Messages kept for newcomers.
    pub max_history: Option<usize>,
    /// Bytes of encoded messages kept for newcomers.
    pub max_history_bytes: Option<usize>,
    /// Bytes not yet written to a member.
    pub max_backlog: Option<u64>,
    /// How long a member may take none of the bytes that wait for it.
    pub stall_timeout: Option<Duration>,
    /// Per-source limits and penalties hold for loopback addresses too.
    pub limit_loopback: bool,
}

/// So many at once, and one more every `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once, at least 1.
    pub burst: u32,
    /// Between two in the long run.
    pub interval: Duration,
}

impl Default for Limits {
    /// The column "default" of PROTOCOL 3.1, with one computation at a time.
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
