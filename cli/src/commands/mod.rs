//! Implementations of the subcommands.

mod completions;
mod connect;
mod doctor;
mod host;
mod join;
mod man;
mod send;
mod serve;
mod shared;
mod verifier;

use crate::safe;
use std::io::{self, Write as _};

use cmdchat_core::{secret::Secret, seed::Seed, time::Epoch};
use cmdchat_drivers::runtime::Runtime;
use jiff::Timestamp;

use crate::{
    args::{CliCommand, Invocation},
    error::{Error, ExitStatus, io_reason},
    invite::word_code::WordCode,
    text::SafeText,
};

/// Runs the subcommand to its end.
///
/// # Errors
///
/// Returns an error if the subcommand fails.
pub fn run(Invocation { command, again }: Invocation) -> Result<ExitStatus, Error> {
    match command {
        CliCommand::Host(command) => host::run(&command),
        CliCommand::Serve(command) => serve::run(*command, &again),
        CliCommand::Connect(command) => connect::run(command, &again),
        CliCommand::Join(command) => join::run(command, &again),
        CliCommand::Send(command) => send::run(command, &again),
        CliCommand::Verifier(command) => verifier::run(command, &again),
        CliCommand::Passphrase(command) => {
            let code = WordCode::generate(command.words, &seed()?).shown();
            print(safe![code, "\n"].as_str().as_bytes())
        }
        CliCommand::Doctor => print(&doctor::page()),
        CliCommand::Completions(command) => print(&completions::script(command.shell)),
        CliCommand::Man => print(&man::page()),
    }
}

/// Prints `text` on standard output.
fn print(text: &[u8]) -> Result<ExitStatus, Error> {
    match io::stdout().write_all(text) {
        Ok(()) => Ok(ExitStatus::Done),
        Err(error) => stdout_failed(&error),
    }
}

/// Returns the result of the program if standard output cannot be written.
fn stdout_failed(error: &io::Error) -> Result<ExitStatus, Error> {
    Error::stdout_failed(error).map_or(Ok(ExitStatus::Done), Err)
}

/// Draws the random seed of one run. It is the only use of system randomness.
#[expect(clippy::disallowed_methods, reason = "this is where the one seed is drawn")]
fn seed() -> Result<Seed, Error> {
    let mut outcome = Ok(());
    let secret = Secret::fill_with(|bytes| outcome = getrandom::fill(bytes));
    outcome.map(|()| Seed::new(secret)).map_err(|error| {
        let why = SafeText::sanitize(&error.to_string());
        let what = safe!["cannot get system randomness: ", why];
        Error::new(ExitStatus::Internal, what)
    })
}

/// Returns the wall-clock time at the start of the runtime's clock.
fn epoch(runtime: &impl Runtime) -> Epoch {
    runtime.epoch().unwrap_or(Epoch::new(Timestamp::UNIX_EPOCH))
}

/// Creates an error for a failed system call.
pub(crate) fn internal(what: &'static str, error: &io::Error) -> Error {
    Error::new(ExitStatus::Internal, safe![what, ": ", io_reason(error)])
}
