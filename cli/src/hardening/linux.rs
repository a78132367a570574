//! Hardening on Linux with `setrlimit`, `prctl` and `mlockall`.

use crate::safe;
use std::fs;

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{
        DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, set_dumpable_behavior,
        setrlimit,
    },
};

use crate::text::SafeText;

/// Disables core dumps. The limit alone does not suffice, because a core dump handler
/// behind a pipe ignores it. A process that is not dumpable dumps no core at all,
/// and other processes of the same user cannot read its memory.
pub(super) fn disable_core_dumps() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Locks all memory if locked memory is unlimited. With a limit, `MCL_FUTURE` makes
/// allocations fail once the limit is reached.
pub(super) fn lock_memory() {
    let unlimited = Rlimit { current: None, maximum: None };
    let _ = setrlimit(Resource::Memlock, unlimited);
    if getrlimit(Resource::Memlock).current.is_none() {
        let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
    }
}

pub(super) fn report() -> Vec<(&'static str, SafeText)> {
    vec![
        ("other processes", other_processes()),
        ("core dumps", core_dumps()),
        ("locked memory", locked_memory()),
        ("swap", swap()),
    ]
}

fn other_processes() -> SafeText {
    match dumpable_behavior() {
        Ok(DumpableBehavior::NotDumpable) => safe!["cannot look at this program"],
        Ok(_) | Err(_) => safe!["of the same user can look at this program"],
    }
}

fn core_dumps() -> SafeText {
    let off = getrlimit(Resource::Core).current == Some(0);
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let pattern = SafeText::quote(pattern.trim_end());
    let state = if off { "none of this program; those of others go to " } else { "go to " };
    safe![state, pattern]
}

fn locked_memory() -> SafeText {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    if locked.is_some_and(|locked| locked.trim() != "0 kB") {
        return safe!["all of it"];
    }
    match getrlimit(Resource::Memlock).current {
        Some(limit) => {
            safe!["none: the limit is ", limit, " bytes (ulimit -l unlimited)"]
        }
        None => safe!["none: the system refused it"],
    }
}

fn swap() -> SafeText {
    // A header line, and one line for each swap area.
    let places = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let names: Vec<_> =
        places.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    if names.is_empty() {
        return safe!["off"];
    }
    let names = SafeText::sanitize(&names.join(" "));
    safe!["on, at ", names, "; memory that is not locked may be written there"]
}
