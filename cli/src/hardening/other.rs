//! Elsewhere: a limit on core dumps where there are limits.

use crate::text::SafeText;

pub(super) fn disable_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
}

/// Only pages that hold secrets could be locked, and they move.
pub(super) const fn lock_memory() {}

pub(super) fn report() -> Vec<(&'static str, SafeText)> {
    vec![("memory", SafeText::one_line("what this system does with it is not known here"))]
}
