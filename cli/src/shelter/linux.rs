//! Linux: limits, `prctl` and `mlockall`.

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
};

/// The limit alone would not do: a handler that the system pipes core dumps to
/// gets them whatever the limit says, but none of a process that is not
/// dumpable. Nor can other processes of the same user read its memory then.
pub(super) fn refuse_dumps() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Only where locked memory has no limit: below one, a program whose future
/// memory is to be locked too fails to get any at the limit.
pub(super) fn lock_memory() {
    let unlimited = Rlimit { current: None, maximum: None };
    let _ = setrlimit(Resource::Memlock, unlimited);
    if getrlimit(Resource::Memlock).current.is_none() {
        let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
    }
}
