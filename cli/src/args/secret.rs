//! Passphrase sources.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use zeroize::Zeroizing;

/// Options that name a passphrase source; at most one is allowed.
#[derive(clap::Args, Debug, Default)]
#[group(id = "secret", multiple = false)]
pub(super) struct SecretArgs {
    /// Read the passphrase from file descriptor N
    #[arg(long, value_name = "N")]
    password_fd: Option<u32>,

    /// Read the passphrase from a file
    ///
    /// One trailing line end is removed.
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,

    /// Read the passphrase from standard input
    #[arg(long)]
    password_stdin: bool,

    /// Use the first line that a shell command prints
    ///
    /// The command runs without standard input.
    ///
    /// Without any of these options, the passphrase is the value of
    /// CMDCHAT_PASSWORD if that is set and not empty, else the argument if one
    /// is given, else you are prompted.
    #[arg(long, value_name = "CMD")]
    password_command: Option<OsString>,
}

/// The passphrase source selected by the arguments.
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
    /// The argument itself, unless the environment variable is set.
    Argument(SecretArg),
    /// The environment variable if set, else a prompt.
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

/// A passphrase from the command line. Zeroized on drop and hidden in `Debug`.
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

/// An invite from the command line. Secret, except for the part before the code.
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

/// Accepts any bytes, so that no clap error can repeat the secret.
pub(super) fn argument() -> impl TypedValueParser<Value = SecretArg> {
    OsStringValueParser::new().map(|text| SecretArg(Zeroizing::new(text.into_encoded_bytes())))
}
