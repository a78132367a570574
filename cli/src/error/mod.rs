//! Errors of the program: an exit status for scripts, one line that states the
//! problem, and at most two hints.

mod listen;
mod login;
mod status;

use crate::safe;
pub use status::ExitStatus;
pub(crate) use status::{HumanDuration, eprint_line, note, warn};

use std::fmt;
use std::io;
use std::time::Duration;

use crate::text::SafeText;

/// An error that ends the program. Displayed as `error: …` and `hint: …` lines,
/// in lower case and without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The exit status of the program.
    pub exit: ExitStatus,
    /// The problem, including its subject.
    pub what: SafeText,
    /// Remedies, one action each.
    pub hints: Vec<SafeText>,
}

impl Error {
    /// Creates an error without hints.
    #[must_use]
    pub const fn new(exit: ExitStatus, what: SafeText) -> Self {
        Self { exit, what, hints: Vec::new() }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint_text(mut self, hint: SafeText) -> Self {
        self.hints.push(hint);
        self
    }

    /// Adds a constant hint.
    #[must_use]
    pub fn hint(self, hint: &'static str) -> Self {
        self.hint_text(safe![hint])
    }

    /// An invalid argument.
    #[must_use]
    pub const fn usage(what: SafeText) -> Self {
        Self::new(ExitStatus::Usage, what)
    }

    /// `text` is not a usable port.
    #[must_use]
    pub fn bad_port(text: &str) -> Self {
        Self::usage(safe![SafeText::quote(text), " is not a port"])
            .hint("use a number from 1 to 65535")
    }

    /// No passphrase was given, and there is no terminal to prompt on.
    #[must_use]
    pub fn no_secret() -> Self {
        let what = safe!["no passphrase given and no terminal to ask on"];
        Self::new(ExitStatus::NoTerminal, what).hint("use --password-file or --password-fd")
    }

    /// The user pressed Ctrl+C at a prompt.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(ExitStatus::Interrupted, safe!["interrupted"])
    }

    /// Standard output cannot be written. Returns `None` if the reader closed the
    /// pipe, which is not an error.
    #[must_use]
    pub fn stdout_failed(error: &io::Error) -> Option<Self> {
        let what = safe!["cannot write to standard output: ", io_reason(error)];
        (error.kind() != io::ErrorKind::BrokenPipe).then(|| Self::new(ExitStatus::Internal, what))
    }

    /// Converts the error of a connection attempt to `host` with this `timeout`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an open list of the standard library")]
    #[must_use]
    pub fn from_dial(host: &str, port: u16, timeout: Duration, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::refused(host, port),
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => Self::no_route(host),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Self::no_answer(host, port, timeout)
            }
            _ if is_lookup(error) => Self::unknown_host(host),
            _ => Self::new(
                ExitStatus::CannotConnect,
                safe!["cannot connect to ", host_port(host, port), ": ", io_reason(error)],
            ),
        }
    }

    /// The target refused the connection.
    #[must_use]
    pub fn refused(host: &str, port: u16) -> Self {
        let what = safe!["nothing is listening at ", host_port(host, port)];
        Self::new(ExitStatus::CannotConnect, what)
            .hint_text(safe!["ask the host whether the room is open and the port is ", port])
    }

    /// The network has no route to the host.
    #[must_use]
    pub fn no_route(host: &str) -> Self {
        let what = safe!["no route to ", SafeText::sanitize(host)];
        Self::new(ExitStatus::CannotConnect, what)
            .hint("check that you are on the same network or VPN as the host")
    }

    /// The target did not answer within `timeout`.
    #[must_use]
    pub fn no_answer(host: &str, port: u16, timeout: Duration) -> Self {
        let within = SafeText::sanitize(&HumanDuration(timeout).to_string());
        let what = safe![host_port(host, port), " did not answer within ", within];
        Self::new(ExitStatus::TimedOut, what).hint_text(safe!["a firewall or router may be dropping the connection; the host may need to forward port ", port])
    }

    /// The host name does not resolve.
    #[must_use]
    pub fn unknown_host(host: &str) -> Self {
        let what = safe!["cannot find the host ", SafeText::quote(host)];
        Self::new(ExitStatus::UnknownHost, what)
            .hint("check the spelling, or use the address the host's screen shows")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Formats `host:port`, with brackets around an IPv6 address.
pub(crate) fn host_port(host: &str, port: u16) -> SafeText {
    let host = SafeText::sanitize(host);
    if host.as_str().contains(':') { safe!["[", host, "]:", port] } else { safe![host, ":", port] }
}

/// Returns the error text of the system in lower case, without its number.
pub(crate) fn io_reason(error: &io::Error) -> SafeText {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    SafeText::sanitize(&first.into_iter().chain(letters).collect::<String>())
}

/// Returns whether name resolution failed. It has no error kind of its own: on Unix
/// the text of the standard library identifies it, on Windows four error numbers.
fn is_lookup(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.to_string().starts_with("failed to lookup address information")
        || (cfg!(windows) && matches!(error.raw_os_error(), Some(11001..=11004)))
}

#[cfg(test)]
mod tests {
    use std::net::ToSocketAddrs;

    use super::*;

    fn dial(error: &io::Error) -> Error {
        Error::from_dial("192.168.1.20", 3000, Duration::from_secs(10), error)
    }

    #[test]
    fn refused_connection_error_names_the_address() {
        let error = dial(&io::ErrorKind::ConnectionRefused.into());
        assert_eq!(error.exit as u8, 3);
        assert_eq!(
            error.to_string(),
            "error: nothing is listening at 192.168.1.20:3000\n\
             hint: ask the host whether the room is open and the port is 3000"
        );
    }

    #[test]
    fn dial_error_kind_selects_the_exit_status() {
        for (kind, code, what) in [
            (io::ErrorKind::HostUnreachable, 3, "no route to 192.168.1.20"),
            (io::ErrorKind::NetworkUnreachable, 3, "no route to 192.168.1.20"),
            (io::ErrorKind::TimedOut, 5, "192.168.1.20:3000 did not answer within 10 s"),
            (io::ErrorKind::NotFound, 4, "cannot find the host \"192.168.1.20\""),
        ] {
            let error = dial(&kind.into());
            assert_eq!((error.exit as u8, error.what.as_str()), (code, what));
            assert_eq!(error.hints.len(), 1);
        }
        let error = dial(&io::Error::other("Odd (os error 9)"));
        assert_eq!(error.what.as_str(), "cannot connect to 192.168.1.20:3000: odd");
    }

    #[test]
    fn unresolvable_name_gives_unknown_host() {
        // Every resolver rejects a label of 64 letters without a query.
        let name = format!("{}.invalid", "x".repeat(64));
        let error = (name.as_str(), 1).to_socket_addrs().unwrap_err();
        assert_eq!(dial(&error).exit, ExitStatus::UnknownHost);
    }

    #[test]
    fn ipv6_host_is_bracketed() {
        assert_eq!(host_port("fe80::1", 3000).as_str(), "[fe80::1]:3000");
    }

    #[test]
    fn bad_port_error_is_sanitized() {
        let error = Error::bad_port("99\u{1B}[2J\n");
        assert_eq!(error.what.as_str(), "\"99^[[2J\u{FFFD}\" is not a port");
    }
}
