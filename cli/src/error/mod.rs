//! How the program ends: an exit status for scripts, and for people one line
//! that says what happened and at most two that say what to do.

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

/// Why the program ends without success. Displayed as `error: …` and `hint: …`
/// lines, lower case and without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The code it ends with.
    pub exit: ExitStatus,
    /// What happened, with the thing named.
    pub what: SafeText,
    /// What to do about it, one action each.
    pub hints: Vec<SafeText>,
}

impl Error {
    /// A failure without a hint.
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

    /// Adds a hint that needs no names.
    #[must_use]
    pub fn hint(self, hint: &'static str) -> Self {
        self.hint_text(safe![hint])
    }

    /// A bad argument.
    #[must_use]
    pub const fn usage(what: SafeText) -> Self {
        Self::new(ExitStatus::Usage, what)
    }

    /// `text` is no port, or not one that can be used here.
    #[must_use]
    pub fn bad_port(text: &str) -> Self {
        Self::usage(safe![SafeText::quote(text), " is not a port"])
            .hint("use a number from 1 to 65535")
    }

    /// No passphrase, and nobody to ask.
    #[must_use]
    pub fn no_secret() -> Self {
        let what = safe!["no passphrase given and no terminal to ask on"];
        Self::new(ExitStatus::NoTerminal, what).hint("use --password-file or --password-fd")
    }

    /// Ctrl+C before anything was done.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(ExitStatus::Interrupted, safe!["interrupted"])
    }

    /// Standard output takes no more; nothing to speak of if whoever read it has
    /// read enough and closed the pipe.
    #[must_use]
    pub fn stdout_failed(error: &io::Error) -> Option<Self> {
        let what = safe!["cannot write to standard output: ", io_reason(error)];
        (error.kind() != io::ErrorKind::BrokenPipe).then(|| Self::new(ExitStatus::Internal, what))
    }

    /// Why connecting to `host` failed. `timeout` is the one that was set.
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

    /// Nothing listens there.
    #[must_use]
    pub fn refused(host: &str, port: u16) -> Self {
        let what = safe!["nothing is listening at ", host_port(host, port)];
        Self::new(ExitStatus::CannotConnect, what)
            .hint_text(safe!["ask the host whether the room is open and the port is ", port])
    }

    /// No way to that machine.
    #[must_use]
    pub fn no_route(host: &str) -> Self {
        let what = safe!["no route to ", SafeText::sanitize(host)];
        Self::new(ExitStatus::CannotConnect, what)
            .hint("check that you are on the same network or VPN as the host")
    }

    /// Nobody answered within `timeout`.
    #[must_use]
    pub fn no_answer(host: &str, port: u16, timeout: Duration) -> Self {
        let within = SafeText::sanitize(&HumanDuration(timeout).to_string());
        let what = safe![host_port(host, port), " did not answer within ", within];
        Self::new(ExitStatus::TimedOut, what).hint_text(safe!["a firewall or router may be dropping the connection; the host may need to forward port ", port])
    }

    /// The name has no address.
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

/// `host:port`, with brackets where the host is an IPv6 address.
pub(crate) fn host_port(host: &str, port: u16) -> SafeText {
    let host = SafeText::sanitize(host);
    if host.as_str().contains(':') { safe!["[", host, "]:", port] } else { safe![host, ":", port] }
}

/// What the system says, without its number and in lower case.
pub(crate) fn io_reason(error: &io::Error) -> SafeText {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    SafeText::sanitize(&first.into_iter().chain(letters).collect::<String>())
}

/// Name resolution has no error kind of its own: on Unix it is told by the
/// words of the standard library, on Windows by four numbers.
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
        // A label of 64 letters is refused by every resolver without asking anyone.
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
