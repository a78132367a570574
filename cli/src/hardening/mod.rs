//! Process hardening: disables core dumps and ptrace access, and locks memory where
//! the limits allow it, so that no page reaches swap. It runs before the program
//! holds a secret. The program continues without a measure that the system
//! refuses, and `cmdchat doctor` reports it.

#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod system;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;

use zeroize::Zeroize as _;

use crate::text::SafeText;

/// Applies all hardening measures.
pub fn apply() {
    system::disable_core_dumps();
    system::lock_memory();
}

/// Zeroizes the stack at the end of the program. The allocator zeroizes heap memory
/// as it is freed.
#[inline(never)]
pub fn zero_stack() {
    // Larger than the deepest stack of this program.
    [0_u64; 64 << 10].zeroize();
}

/// Returns the state of hardening and of this machine's memory handling, as pairs of
/// topic and finding.
#[must_use]
pub fn report() -> Vec<(&'static str, SafeText)> {
    system::report()
}
