//! What the program does.

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

use std::io::{self, Write as _};

use cmdchat_core::{
    secret::Secret,
    seed::Seed,
    time::{Epoch, Tick},
};
use jiff::Timestamp;

use crate::{
    args::{Command, Parsed},
    error::{Exit, Failure, reason},
    invite::word_code::Code,
    text::Shown,
};

/// Does what was asked for, to its end.
///
/// # Errors
///
/// Why it ended without success.
pub fn run(Parsed { command, again }: Parsed) -> Result<Exit, Failure> {
    match command {
        Command::Host(command) => host::run(&command),
        Command::Serve(command) => serve::run(*command, &again),
        Command::Connect(command) => connect::run(command, &again),
        Command::Join(command) => join::run(command, &again),
        Command::Send(command) => send::run(command, &again),
        Command::Verifier(command) => verifier::run(command, &again),
        Command::Passphrase(command) => {
            let code = Code::draw(command.words, &seed()?).shown();
            print(Shown::line(&[&code, &"\n"]).as_str().as_bytes())
        }
        Command::Doctor => print(&doctor::page()),
        Command::Completions(command) => print(&completions::script(command.shell)),
        Command::Man => print(&man::page()),
    }
}

/// Prints a text of ours.
fn print(text: &[u8]) -> Result<Exit, Failure> {
    match io::stdout().write_all(text) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => unwritten(&error),
    }
}

/// How the program ends when standard output takes no more.
fn unwritten(error: &io::Error) -> Result<Exit, Failure> {
    Failure::unwritten(error).map_or(Ok(Exit::Done), Err)
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
pub(crate) fn internal(what: &'static str, error: &io::Error) -> Failure {
    Failure::new(Exit::Internal, Shown::line(&[&what, &": ", &reason(error)]))
}
