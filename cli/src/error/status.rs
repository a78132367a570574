//! How the program ends: a code for scripts, and for people one line that says
//! what happened and at most two that say what to do.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Exit codes. They are part of the interface and do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Left normally.
    Done = 0,
    /// A bug.
    Internal = 1,
    /// A bad argument.
    Usage = 2,
    /// Refused or unreachable.
    CannotConnect = 3,
    /// The host name does not resolve.
    UnknownHost = 4,
    /// No answer in time.
    TimedOut = 5,
    /// Wrong passphrase.
    WrongPassphrase = 6,
    /// Name taken or not allowed.
    Name = 7,
    /// Turned away by the room: full, closed, too many tries.
    Rejected = 8,
    /// Not a host of ours, or no common protocol.
    NotCmdchat = 9,
    /// Connection lost and not regained.
    ConnectionLost = 10,
    /// The host could not prove that it knows the passphrase, or something was
    /// tampered with.
    UntrustedServer = 11,
    /// Port busy, not permitted, or address not here.
    CannotListen = 12,
    /// No secret and no terminal to ask on, or a terminal that cannot be set up.
    NoTerminal = 13,
    /// Ctrl+C before being in the room.
    Interrupted = 130,
}

impl ExitStatus {
    /// Its name for programs, which does not change either.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::CannotConnect => "cannot_connect",
            Self::UnknownHost => "unknown_host",
            Self::TimedOut => "timed_out",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::Name => "name",
            Self::Rejected => "rejected",
            Self::NotCmdchat => "not_cmdchat",
            Self::ConnectionLost => "lost",
            Self::UntrustedServer => "untrusted_server",
            Self::CannotListen => "cannot_listen",
            Self::NoTerminal => "no_terminal",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(exit: ExitStatus) -> Self {
        Self::from(exit as u8)
    }
}

/// Prints a warning on stderr.
pub(crate) fn warn(text: &crate::text::SafeText) {
    eprint_line(format_args!("warning: {text}"));
}

/// Prints a remark on stderr.
pub(crate) fn note(text: &crate::text::SafeText) {
    eprint_line(format_args!("{text}"));
}

/// Prints a line on stderr; a closed one is no reason to stop.
pub(crate) fn eprint_line(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// An amount of time as people say it: `10 s`, `5 min`, `500 ms`.
pub(crate) struct HumanDuration(pub(super) std::time::Duration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            _ if !ms.is_multiple_of(1_000) => write!(f, "{ms} ms"),
            _ if ms >= 120_000 && ms.is_multiple_of(60_000) => write!(f, "{} min", ms / 60_000),
            _ => write!(f, "{} s", ms / 1_000),
        }
    }
}
