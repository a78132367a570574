//! How the program ends: an exit status for scripts, and for people one line
//! that says what happened and at most two that say what to do.

mod failure;
mod listen;
mod login;
mod status;

pub use failure::Error;
pub(crate) use failure::{host_port, io_reason};
pub use status::ExitStatus;
pub(crate) use status::{HumanDuration, eprint_line, note, warn};
