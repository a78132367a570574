//! Passphrase input from a descriptor, a file, a command, standard input, the
//! environment, an argument, or a prompt at the terminal.
//!
//! On Unix the program re-executes itself if the passphrase came from the
//! arguments or the environment, and receives it through a pipe. The process list
//! therefore shows it only for a moment. All secrets read here are zeroized on
//! drop.
//!
//! Empty input is an error; an empty line is the empty passphrase. An empty
//! environment variable counts as unset.

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

/// The environment variable that may hold the passphrase.
const VARIABLE: &str = "CMDCHAT_PASSWORD";

/// Maximum length of a passphrase in bytes. With its line end it must fit a pipe.
const MAX_LEN: usize = 4096;

type Bytes = Zeroizing<Vec<u8>>;

/// Reads the passphrase from `source`, or prompts for it. Does not return if the
/// passphrase came from the arguments or the environment and re-executing the
/// program with the arguments `again` succeeds.
///
/// After a prompt, SIGINT, SIGTERM and SIGHUP are ignored until the caller
/// installs its own handlers.
///
/// # Errors
/// Returns an error with exit code 13 if no passphrase can be read, 2 if it is
/// invalid, or 130 if the user presses Ctrl+C at the prompt.
pub fn password(source: SecretSource, again: &ReexecArgs) -> Result<Password, Error> {
    let bytes = match read_source(source, again)? {
        Some(bytes) => bytes,
        None => prompt(Prompt::password("passphrase (Ctrl+T shows it): "))?,
    };
    Ok(Password::new(bytes))
}

/// Reads a code from `source` like [`password`], but does not prompt.
///
/// # Errors
/// Returns the errors of [`password`], and one with exit code 2 if the text is not
/// a code.
pub fn code(source: SecretSource, again: &ReexecArgs) -> Result<Option<WordCode>, Error> {
    read_source(source, again)?.map(|bytes| Ok(WordCode::read(text(&bytes))?)).transpose()
}

/// Returns whether `typed` equals `password`, either as it is or parsed as a code.
#[must_use]
pub fn is_password(typed: &Password, password: &Password) -> bool {
    let as_a_code = || std::str::from_utf8(typed.expose()).ok().map(WordCode::read)?.ok();
    typed == password || as_a_code().is_some_and(|code| code.password() == *password)
}

/// Prompts for a code.
///
/// # Errors
/// Returns the errors of [`code`].
pub fn ask_for_code() -> Result<WordCode, Error> {
    let bytes = prompt(Prompt::code("code (Tab completes): "))?;
    Ok(WordCode::read(text(&bytes))?)
}

/// Prompts for an invite. The input is masked, because it may contain a code.
///
/// # Errors
/// Returns the errors of [`password`], and one with exit code 2 if the text is not
/// an invite.
pub fn ask_for_invite() -> Result<Invite, Error> {
    Invite::read(text(&prompt(Prompt::password("invite (Ctrl+T shows it): "))?))
}

/// Returns whether a terminal is available for a prompt.
#[must_use]
pub fn can_ask() -> bool {
    system::can_ask()
}

/// Prompts for a username.
///
/// # Errors
/// Returns the errors of [`password`].
pub fn ask_for_name() -> Result<String, Error> {
    Ok(text(&prompt(Prompt::open("name: "))?).to_owned())
}

/// Reads the verifier of a room whose passphrase this machine does not know.
///
/// # Errors
/// Returns the errors of [`password`], and one with exit code 2 if the text is not
/// a verifier.
pub fn verifier(source: SecretSource, again: &ReexecArgs) -> Result<Credentials, Error> {
    let bytes = read_source(source, again)?.unwrap_or_default();
    Credentials::from_token(text(&bytes).trim()).map_err(|VerifierTokenError| Error::bad_verifier())
}

/// Reads the secret from `source`. Returns `None` if only a prompt can provide it.
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

/// Returns the bytes as text; [`validate`] has checked that they are UTF-8.
fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn environment() -> Option<Bytes> {
    let value = env::var_os(VARIABLE).filter(|value| !value.is_empty())?;
    Some(Zeroizing::new(value.into_encoded_bytes()))
}

/// Re-executes the program without the passphrase, because other users can see the
/// arguments and environment of this process. Warns if that fails.
fn strip_from_process(bytes: Bytes, again: &ReexecArgs) -> Result<Bytes, Error> {
    validate(&bytes)?;
    system::reexec(&bytes, again);
    warn(&safe![
        "the passphrase could not be removed from this process's arguments or environment; other users may see it"
    ]);
    Ok(bytes)
}

fn file(path: &Path) -> io::Result<Option<Bytes>> {
    let file = File::open(path)?;
    if system::is_open_to_others(&file)? {
        let path = SafeText::quote(&path.to_string_lossy());
        warn(&safe![path, " can be read by other users of this machine; run chmod 600 on it"]);
    }
    read::whole(file)
}

fn from_command(command: &OsStr) -> Result<Bytes, Error> {
    let failed = |why: SafeText| {
        let what = safe!["the passphrase command failed: ", why];
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
    require(Ok(line), &safe!["the passphrase command"])
}

/// Returns the bytes read from the source `name`, or an error if there are none.
fn require(read: io::Result<Option<Bytes>>, name: &SafeText) -> Result<Bytes, Error> {
    let missing = |what| Error::new(ExitStatus::NoTerminal, what);
    match read {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(missing(safe!["no passphrase came from ", name])),
        Err(error) => {
            let why = io_reason(&error);
            let what = safe!["cannot read the passphrase from ", name, ": ", why];
            Err(missing(what))
        }
    }
}

fn validate(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() > MAX_LEN {
        let what = safe!["the passphrase is longer than ", MAX_LEN, " bytes"];
        return Err(Error::usage(what));
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err(Error::usage(safe!["the passphrase is not UTF-8"]));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
