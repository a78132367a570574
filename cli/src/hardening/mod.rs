//! What the program asks of the system, so that its memory stays its own: no
//! core dump, no look at it by other processes of the same user, no page of it
//! in swap. All of it is asked for before there is a secret; what the system
//! refuses is done without, and `cmdchat doctor` says so.

#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod system;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;

use zeroize::Zeroize as _;

use crate::text::SafeText;

/// Asks for all of it.
pub fn apply() {
    system::disable_core_dumps();
    system::lock_memory();
}

/// Overwrites what the program has left on the stack, at its end: the rest of its
/// memory is wiped as it is freed.
#[inline(never)]
pub fn zero_stack() {
    // Deeper than anything here goes.
    [0_u64; 64 << 10].zeroize();
}

/// What came of it, and what else this machine does with memory: a topic and a
/// finding each.
#[must_use]
pub fn report() -> Vec<(&'static str, SafeText)> {
    system::report()
}
