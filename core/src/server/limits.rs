//! What a server allows (PROTOCOL 3.1).

use std::time::Duration;

/// The limits of one server. `None` means no limit.
#[derive(Clone, Debug)]
pub struct Limits {
    /// From accepting a connection to being in the room.
    pub login_timeout: Duration,
    /// Connections not yet in the room, all together.
    pub logins: Option<usize>,
    /// The same, from one source.
    pub logins_per_source: Option<usize>,
    /// SRP computations at a time.
    pub computations: usize,
    /// SRP computations that may wait for their turn.
    pub computations_waiting: usize,
    /// Members of the room.
    pub members: Option<usize>,
    /// Members from one source.
    pub members_per_source: Option<usize>,
    /// Messages a member may send.
    pub messages: Option<Rate>,
    /// A member's `clear` is heeded once in this time.
    pub clear_interval: Duration,
    /// `clear` is heeded at all.
    pub clear_allowed: bool,
    /// Messages kept for newcomers.
    pub history: Option<usize>,
    /// Bytes of encoded messages kept for newcomers.
    pub history_bytes: Option<usize>,
    /// Bytes not yet written to a member.
    pub backlog: Option<u64>,
    /// How long a member may take none of the bytes that wait for it.
    pub stall: Option<Duration>,
    /// Per-source limits and penalties hold for loopback addresses too.
    pub guard_loopback: bool,
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
            logins: Some(64),
            logins_per_source: Some(8),
            computations: 1,
            computations_waiting: 64,
            members: Some(128),
            members_per_source: Some(16),
            messages: Some(Rate { burst: 60, interval: Duration::from_millis(50) }),
            clear_interval: Duration::from_secs(10),
            clear_allowed: true,
            history: Some(1_000),
            history_bytes: Some(4 << 20),
            backlog: Some(1 << 20),
            stall: Some(Duration::from_secs(30)),
            guard_loopback: false,
        }
    }
}
