//! Hardening on other systems: a core dump limit on Unix.

use crate::text::SafeText;

pub(super) fn disable_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

/// Does nothing: only pages with secrets could be locked, and secrets move.
pub(super) const fn lock_memory() {}

pub(super) fn report() -> Vec<(&'static str, SafeText)> {
    vec![("memory", SafeText::one_line("unknown: no checks for this system"))]
}
