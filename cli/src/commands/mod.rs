//! What the program does.

mod connect;
mod serve;

use cmdchat_core::{
    secret::{Password, Secret},
    seed::Seed,
    time::{Epoch, Tick},
};
use jiff::Timestamp;

use crate::{
    args::Command,
    exit::{Exit, Failure, reason},
    text::Shown,
};

/// Runs `command` to its end.
///
/// # Errors
///
/// Why it ended without success.
pub fn run(command: Command, password: Password) -> Result<Exit, Failure> {
    match command {
        Command::Serve(command) => serve::run(&command, &password),
        Command::Connect(command) => connect::run(&command, password),
    }
}

/// Fresh randomness for one run: the only time the system is asked for it.
#[expect(clippy::disallowed_methods, reason = "this is where the one seed is drawn")]
fn seed() -> Result<Seed, Failure> {
    let mut outcome = Ok(());
    let secret = Secret::fill_with(|bytes| outcome = getrandom::fill(bytes));
    outcome.map(|()| Seed::new(secret)).map_err(|error| {
        let why = Shown::one_line(&error.to_string());
        let what = Shown::line(&[&"the system gives no randomness: ", &why]);
        Failure::new(Exit::Internal, what)
    })
}

/// The wall time at the zero of a runtime that shows `now`.
fn epoch(now: Tick) -> Epoch {
    let start = Timestamp::now().checked_sub(now.since_start()).unwrap_or(Timestamp::UNIX_EPOCH);
    Epoch::new(start)
}

/// What the console says where the system refuses something.
fn internal(what: &'static str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Internal, Shown::line(&[&what, &": ", &reason(error)]))
}
