//! How the program ends: an exit status for scripts, and for people one line
//! that says what happened and at most two that say what to do.

mod failure;
mod listen;
mod login;
mod status;

pub use failure::Failure;
pub(crate) use failure::{at, reason};
pub use status::Exit;
pub(crate) use status::{Span, note, tell, warn};
