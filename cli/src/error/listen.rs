//! Errors of listening on an address.

use crate::safe;
use std::io;
use std::net::SocketAddr;

use crate::error::{Error, ExitStatus, io_reason};

impl Error {
    /// Converts the error of listening on `address`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an open list of the standard library")]
    #[must_use]
    pub fn from_listen(address: SocketAddr, error: &io::Error) -> Self {
        let port = address.port();
        let new = |what| Self::new(ExitStatus::CannotListen, what);
        match error.kind() {
            io::ErrorKind::AddrInUse => {
                let other = if port < u16::MAX { port + 1 } else { port - 1 };
                new(safe!["port ", port, " is already in use on this machine"])
                    .hint_text(safe!["choose another, for example ", other])
            }
            io::ErrorKind::PermissionDenied => {
                let denied = new(safe!["not allowed to listen on port ", port]);
                if port < 1024 { denied.hint("use a port above 1023") } else { denied }
            }
            io::ErrorKind::AddrNotAvailable => {
                new(safe![address.ip(), " is not an address of this machine"])
                    .hint(if address.is_ipv4() { "use 0.0.0.0 for all" } else { "use :: for all" })
            }
            _ => new(safe!["cannot listen at ", address, ": ", io_reason(error)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(address: &str, kind: io::ErrorKind) -> String {
        let error = Error::from_listen(address.parse().unwrap(), &kind.into());
        assert_eq!(error.exit as u8, 12);
        error.to_string()
    }

    #[test]
    fn listen_errors_have_specific_messages() {
        assert_eq!(
            listen("0.0.0.0:3000", io::ErrorKind::AddrInUse),
            "error: port 3000 is already in use on this machine\nhint: choose another, for example 3001"
        );
        assert_eq!(
            listen("0.0.0.0:80", io::ErrorKind::PermissionDenied),
            "error: not allowed to listen on port 80\nhint: use a port above 1023"
        );
        assert_eq!(
            listen("10.9.9.9:3000", io::ErrorKind::AddrNotAvailable),
            "error: 10.9.9.9 is not an address of this machine\nhint: use 0.0.0.0 for all"
        );
        assert_eq!(
            listen("[::1]:65535", io::ErrorKind::AddrInUse),
            "error: port 65535 is already in use on this machine\nhint: choose another, for example 65534"
        );
        assert_eq!(
            listen("[::1]:9", io::ErrorKind::Unsupported),
            "error: cannot listen at [::1]:9: unsupported"
        );
    }
}
