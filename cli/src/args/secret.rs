//! Where the password is to come from.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use zeroize::Zeroizing;

/// The ways to give a password; at most one at a time.
#[derive(clap::Args, Debug, Default)]
#[group(id = "secret", multiple = false)]
pub(super) struct SecretArgs {
    /// Read the password from file descriptor N
    #[arg(long, value_name = "N")]
    password_fd: Option<u32>,

    /// Read it from a file
    ///
    /// One line end at its end does not count.
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,

    /// Read it from the first line of standard input
    #[arg(long)]
    password_stdin: bool,

    /// Take the first line that a command prints
    ///
    /// The command is run by the shell, without standard input.
    ///
    /// Without any of these the variable CMDCHAT_PASSWORD counts, if it is set
    /// and not empty; then a password given as an argument; else you are asked.
    #[arg(long, value_name = "CMD")]
    password_command: Option<OsString>,
}

/// Where the password is to come from, as far as the arguments say.
#[derive(Debug)]
pub enum SecretSource {
    /// A file descriptor, read to its end.
    Fd(u32),
    /// A file.
    File(PathBuf),
    /// The first line of standard input.
    Stdin,
    /// The first line a shell command prints.
    Command(OsString),
    /// The argument itself, unless the environment has one.
    Argument(SecretArg),
    /// The environment, else a person.
    Unspecified,
}

impl SecretArgs {
    pub(super) fn source(self, argument: Option<SecretArg>) -> SecretSource {
        if let Some(fd) = self.password_fd {
            SecretSource::Fd(fd)
        } else if let Some(path) = self.password_file {
            SecretSource::File(path)
        } else if self.password_stdin {
            SecretSource::Stdin
        } else if let Some(command) = self.password_command {
            SecretSource::Command(command)
        } else {
            argument.map_or(SecretSource::Unspecified, SecretSource::Argument)
        }
    }
}

/// A password from the command line: wiped on drop, silent in `Debug`.
#[derive(Clone)]
pub struct SecretArg(Zeroizing<Vec<u8>>);

impl SecretArg {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes, as typed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argument(…)")
    }
}

/// An invitation from the command line: a secret, except for what stands before
/// its code.
#[derive(Clone, Debug)]
pub(super) struct InviteArg(SecretArg);

impl InviteArg {
    /// The bytes, as typed.
    #[must_use]
    pub(super) fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

pub(super) fn invite_argument() -> impl TypedValueParser<Value = InviteArg> {
    argument().map(InviteArg)
}

/// Takes any argument, UTF-8 or not: what is wrong with it is said without it.
pub(super) fn argument() -> impl TypedValueParser<Value = SecretArg> {
    OsStringValueParser::new().map(|text| SecretArg(Zeroizing::new(text.into_encoded_bytes())))
}
