//! Where the password comes from: a descriptor, a file, a command, standard
//! input, the environment, an argument, or a person at the terminal.
//!
//! On Unix a password in the arguments or the environment is handed through a
//! pipe to a second start of ourselves, so that the process list shows it for
//! a moment only. What is read here is wiped when it is no longer needed.
//!
//! Nothing at all where a password is to be read is an error; an empty line is
//! the empty password. An empty variable counts as none.

mod prompt;
mod read;
mod strength;

#[cfg(unix)]
mod prompt_unix;
#[cfg(not(unix))]
#[path = "prompt_fallback.rs"]
mod system;
#[cfg(unix)]
#[path = "reexec.rs"]
mod system;

use crate::safe;
pub use crate::secrets::strength::{is_weak, weak_warning};

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;

use cmdchat_core::secret::Password;
use cmdchat_core::server::{Credentials, VerifierTokenError};
use zeroize::Zeroizing;

use crate::args::{ReexecArgs, SecretSource};
use crate::error::{Error, ExitStatus, io_reason, warn};
use crate::invite::{Invite, word_code::WordCode};
use crate::secrets::prompt::Prompt;
use crate::text::SafeText;

/// The variable that may hold the password.
const VARIABLE: &str = "CMDCHAT_PASSWORD";

/// Longest password in bytes. With its line end it has to fit a pipe.
const MAX_LEN: usize = 4096;

type Bytes = Zeroizing<Vec<u8>>;

/// Gets the password from `source`. Does not return if the password came from
/// the arguments or the environment and the program could be started again
/// without it, with the arguments of `again`.
///
/// After a prompt SIGINT, SIGTERM and SIGHUP do nothing until the caller says
/// what they shall do.
///
/// # Errors
/// Exit code 13 if there is no password to be had, 2 if it cannot be one, 130
/// if the person asked presses Ctrl+C.
pub fn password(source: SecretSource, again: &ReexecArgs) -> Result<Password, Error> {
    let bytes = match read_source(source, again)? {
        Some(bytes) => bytes,
        None => prompt(Prompt::password("passphrase (Ctrl+T shows it): "))?,
    };
    Ok(Password::new(bytes))
}

/// The same for a code, if there is one without asking.
///
/// # Errors
/// As those of [`password`]; 2 if it is no code.
pub fn code(source: SecretSource, again: &ReexecArgs) -> Result<Option<WordCode>, Error> {
    read_source(source, again)?.map(|bytes| Ok(WordCode::read(text(&bytes))?)).transpose()
}

/// Whether what was typed is `password`, as it stands or as the code it is.
#[must_use]
pub fn is_password(typed: &Password, password: &Password) -> bool {
    let as_a_code = || std::str::from_utf8(typed.expose()).ok().map(WordCode::read)?.ok();
    typed == password || as_a_code().is_some_and(|code| code.password() == *password)
}

/// Asks for a code.
///
/// # Errors
/// As those of [`code`].
pub fn ask_for_code() -> Result<WordCode, Error> {
    let bytes = prompt(Prompt::code("code (Tab completes): "))?;
    Ok(WordCode::read(text(&bytes))?)
}

/// Asks for an invitation; it is not seen, since it may hold a code.
///
/// # Errors
/// As those of [`password`]; 2 if it is none.
pub fn ask_for_invite() -> Result<Invite, Error> {
    Invite::read(text(&prompt(Prompt::password("invite (Ctrl+T shows it): "))?))
}

/// Whether somebody could be asked anything.
#[must_use]
pub fn can_ask() -> bool {
    system::can_ask()
}

/// Asks under what name to be seen.
///
/// # Errors
/// As those of [`password`].
pub fn ask_for_name() -> Result<String, Error> {
    Ok(text(&prompt(Prompt::open("name: "))?).to_owned())
}

/// The verifier of a room whose password is not known here.
///
/// # Errors
/// As those of [`password`]; 2 if it is none.
pub fn verifier(source: SecretSource, again: &ReexecArgs) -> Result<Credentials, Error> {
    let bytes = read_source(source, again)?.unwrap_or_default();
    Credentials::from_token(text(&bytes).trim()).map_err(|VerifierTokenError| Error::bad_verifier())
}

/// What can be had without asking.
fn read_source(source: SecretSource, again: &ReexecArgs) -> Result<Option<Bytes>, Error> {
    let bytes = match source {
        SecretSource::Fd(fd) => {
            let name = safe!["file descriptor ", fd];
            require(system::open(fd).and_then(read::whole), &name)?
        }
        SecretSource::File(path) => {
            require(file(&path), &SafeText::quote(&path.to_string_lossy()))?
        }
        SecretSource::Stdin => {
            let name = safe!["standard input"];
            require(read::first_line(system::Stdin), &name)?
        }
        SecretSource::Command(command) => from_command(&command)?,
        SecretSource::Argument(argument) => {
            let argument = Zeroizing::new(argument.expose().to_vec());
            strip_from_process(environment().unwrap_or(argument), again)?
        }
        SecretSource::Unspecified => match environment() {
            Some(bytes) => strip_from_process(bytes, again)?,
            None => return Ok(None),
        },
    };
    validate(&bytes)?;
    Ok(Some(bytes))
}

fn prompt(line: Prompt) -> Result<Bytes, Error> {
    let bytes = system::ask(line)?;
    validate(&bytes)?;
    Ok(bytes)
}

/// What was checked is UTF-8.
fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn environment() -> Option<Bytes> {
    let value = env::var_os(VARIABLE).filter(|value| !value.is_empty())?;
    Some(Zeroizing::new(value.into_encoded_bytes()))
}

/// A password that others can see as long as this process runs as it is.
fn strip_from_process(bytes: Bytes, again: &ReexecArgs) -> Result<Bytes, Error> {
    validate(&bytes)?;
    system::reexec(&bytes, again);
    warn(&safe![
        "other users can see a password given on the command line; leave it out and you will be asked"
    ]);
    Ok(bytes)
}

fn file(path: &Path) -> io::Result<Option<Bytes>> {
    let file = File::open(path)?;
    if system::is_open_to_others(&file)? {
        let path = SafeText::quote(&path.to_string_lossy());
        warn(&safe![path, " can be read by others on this machine; chmod 600 stops that"]);
    }
    read::whole(file)
}

fn from_command(command: &OsStr) -> Result<Bytes, Error> {
    let failed = |why: SafeText| {
        let what = safe!["the password command failed: ", why];
        Error::new(ExitStatus::NoTerminal, what)
    };
    let run = || -> io::Result<_> {
        let mut child = system::shell(command)
            .env_remove(VARIABLE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = None;
        if let Some(mut output) = child.stdout.take() {
            line = read::first_line(&mut output)?;
            io::copy(&mut output, &mut io::sink())?;
        }
        Ok((line, child.wait()?))
    };
    let (line, status) = run().map_err(|error| failed(io_reason(&error)))?;
    if !status.success() {
        return Err(failed(SafeText::sanitize(&status.to_string())));
    }
    require(Ok(line), &safe!["the password command"])
}

/// What was read from the place called `name`.
fn require(read: io::Result<Option<Bytes>>, name: &SafeText) -> Result<Bytes, Error> {
    let missing = |what| Error::new(ExitStatus::NoTerminal, what);
    match read {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(missing(safe!["no password came from ", name])),
        Err(error) => {
            let why = io_reason(&error);
            let what = safe!["cannot read the password from ", name, ": ", why];
            Err(missing(what))
        }
    }
}

fn validate(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() > MAX_LEN {
        let what = safe!["the password is longer than ", MAX_LEN, " bytes"];
        return Err(Error::usage(what));
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err(Error::usage(safe!["the password is not UTF-8"]));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
