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
pub enum Source {
    /// A file descriptor, read to its end.
    Fd(u32),
    /// A file.
    File(PathBuf),
    /// The first line of standard input.
    Stdin,
    /// The first line a shell command prints.
    Command(OsString),
    /// The argument itself, unless the environment has one.
    Argument(Argument),
    /// The environment, else a person.
    Unspecified,
}

impl SecretArgs {
    pub(super) fn source(self, argument: Option<Argument>) -> Source {
        if let Some(fd) = self.password_fd {
            Source::Fd(fd)
        } else if let Some(path) = self.password_file {
            Source::File(path)
        } else if self.password_stdin {
            Source::Stdin
        } else if let Some(command) = self.password_command {
            Source::Command(command)
        } else {
            argument.map_or(Source::Unspecified, Source::Argument)
        }
    }
}

/// A password from the command line: wiped on drop, silent in `Debug`.
#[derive(Clone)]
pub struct Argument(Zeroizing<Vec<u8>>);

impl Argument {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes, as typed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argument(…)")
    }
}

/// Takes any argument, UTF-8 or not: what is wrong with it is said without it.
pub(super) fn argument() -> impl TypedValueParser<Value = Argument> {
    OsStringValueParser::new().map(|text| Argument(Zeroizing::new(text.into_encoded_bytes())))
}
