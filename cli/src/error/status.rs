//! Exit codes, and output on stderr.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Exit codes. They are a stable interface for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// The command succeeded.
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
    /// Rejected by the server: room full, closed, too many tries.
    Rejected = 8,
    /// Not a cmdchat server, or no common protocol.
    NotCmdchat = 9,
    /// Connection lost and not re-established.
    ConnectionLost = 10,
    /// The server could not prove that it knows the passphrase, or the connection
    /// was tampered with.
    UntrustedServer = 11,
    /// Port in use or not permitted, or address not of this machine.
    CannotListen = 12,
    /// No passphrase and no terminal to prompt on, or a terminal that cannot be set up.
    NoTerminal = 13,
    /// Ctrl+C before the client joined the room.
    Interrupted = 130,
}

impl ExitStatus {
    /// Returns the stable name for programs.
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

/// Prints a line on stderr and ignores errors, such as a closed stderr.
pub(crate) fn eprint_line(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A duration in human-readable form: `10 s`, `5 min`, `500 ms`.
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
