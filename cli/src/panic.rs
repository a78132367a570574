//! Panic handling that reveals no message text and restores the terminal.

use crate::safe;
use std::backtrace::Backtrace;
use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use crate::error::{Error, ExitStatus, eprint_line};

/// Runs `program`, prints its error on stderr and returns its exit code. A panic
/// gives code 1. The panic message is not printed, because it could contain a chat
/// message. Its location is printed if `CMDCHAT_BACKTRACE` is set.
pub fn run(program: impl FnOnce() -> Result<ExitStatus, Error>) -> ExitCode {
    panic::set_hook(Box::new(|info| {
        eprint_line(format_args!("{}", bug()));
        if env::var_os("CMDCHAT_BACKTRACE").is_some() {
            if let Some(place) = info.location() {
                eprint_line(format_args!("at {place}"));
            }
            eprint_line(format_args!("{}", Backtrace::force_capture()));
        }
    }));
    match panic::catch_unwind(AssertUnwindSafe(program)) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(error)) => {
            // Ctrl+C needs no comment.
            if error.exit != ExitStatus::Interrupted {
                eprint_line(format_args!("{error}"));
            }
            error.exit.into()
        }
        Err(_) => ExitStatus::Internal.into(),
    }
}

fn bug() -> Error {
    let what = safe!["cmdchat stopped because of a bug; nothing was written to disk"];
    Error::new(ExitStatus::Internal, what)
        .hint("run again with CMDCHAT_BACKTRACE=1 and report it (the report holds no messages)")
}
