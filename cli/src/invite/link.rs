//! Invites: `HOST:PORT`, or `cmdchat://HOST:PORT/#CODE` with the code of the room.

use crate::invite::word_code::WordCode;
use crate::safe;
use crate::{
    args::{self, Host},
    error::{Error, host_port},
    text::SafeText,
};

const SCHEME: &str = "cmdchat://";

/// An address with its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The host, without brackets.
    pub host: Host,
    /// The port, never 0.
    pub port: u16,
}

/// The address of a room, and its code if known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The address of the room.
    pub place: HostPort,
    /// The code, which is never sent to the server.
    pub code: Option<WordCode>,
}

impl Invite {
    /// Parses an invite.
    ///
    /// # Errors
    ///
    /// Returns an error if `text` is not an invite. No error contains the code.
    pub fn read(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let (address, code) = match text.strip_prefix(SCHEME) {
            None => (text, None),
            Some(rest) => {
                let (address, code) = rest.split_once('#').unwrap_or((rest, ""));
                (address.trim_end_matches('/'), Some(code).filter(|code| !code.is_empty()))
            }
        };
        let place = HostPort::read(address)?;
        Ok(Self { place, code: code.map(WordCode::read).transpose()? })
    }

    /// Returns the public part of an invite, without its code.
    #[must_use]
    pub fn public(text: &str) -> &str {
        text.split_once('#').map_or(text, |(public, _)| public)
    }

    /// Returns the invite as text.
    #[must_use]
    pub fn shown(&self) -> SafeText {
        let line = safe![SCHEME, self.place.shown(), "/"];
        match &self.code {
            Some(code) => safe![line, "#", code.shown()],
            None => line,
        }
    }
}

impl HostPort {
    fn read(text: &str) -> Result<Self, Error> {
        let odd = || {
            let what = safe!["cannot tell address from port in ", SafeText::quote(text)];
            Error::usage(what)
        };
        let (host, port) = text
            .rsplit_once(':')
            .ok_or_else(|| odd().hint("write for example 192.168.1.20:3000"))?;
        if host.contains(':') && !host.starts_with('[') {
            let (host, port) = (SafeText::sanitize(host), SafeText::sanitize(port));
            return Err(odd().hint_text(safe!["write [", host, "]:", port]));
        }
        Ok(Self { host: args::host(host)?, port: args::port(port)? })
    }

    /// Formats `host:port`, with brackets around an IPv6 address.
    #[must_use]
    pub fn shown(&self) -> SafeText {
        host_port(self.host.as_str(), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, u16, Option<String>), String> {
        let invite = Invite::read(text).map_err(|error| error.to_string())?;
        let code = invite.code.map(|code| code.shown().to_string());
        Ok((invite.place.host.as_str().to_owned(), invite.place.port, code))
    }

    #[test]
    fn invite_link_round_trips() {
        for line in [
            "cmdchat://192.168.1.20:3000/#oak-tidy-zoom",
            "cmdchat://[2001:db8::7]:3000/#oak-tidy-zoom",
            "cmdchat://example.org:1/",
        ] {
            assert_eq!(Invite::read(line).unwrap().shown().as_str(), line);
        }
    }

    #[test]
    fn invite_parser_is_lenient() {
        let whole = Ok(("example.org".to_owned(), 3000, Some("oak-tidy-zoom".to_owned())));
        for text in [
            " cmdchat://example.org:3000/#oak-tidy-zoom\n",
            "cmdchat://example.org:3000#Oak Tidy Zoom",
        ] {
            assert_eq!(read(text), whole);
        }
        assert_eq!(read("[::1]:3000"), Ok(("::1".to_owned(), 3000, None)));
        assert_eq!(read("example.org:3000"), Ok(("example.org".to_owned(), 3000, None)));
    }

    #[test]
    fn invite_errors_hide_the_code() {
        for (text, words) in [
            (
                "fe80::1:3000",
                "error: cannot tell address from port in \"fe80::1:3000\"\nhint: write [fe80::1]:3000",
            ),
            (
                "example.org",
                "error: cannot tell address from port in \"example.org\"\nhint: write for example 192.168.1.20:3000",
            ),
            (
                "cmdchat://h:99999/#oak-tidy-zoom",
                "error: \"99999\" is not a port\nhint: use a number from 1 to 65535",
            ),
            (
                "cmdchat:///#oak-tidy-zoom",
                "error: cannot tell address from port in \"\"\nhint: write for example 192.168.1.20:3000",
            ),
            (
                "cmdchat://h:1/#oak-tidi-zoom",
                "error: \"tidi\" is not a code word\nhint: did you mean tidy?",
            ),
        ] {
            assert_eq!(read(text), Err(words.to_owned()));
        }
    }

    #[test]
    fn invite_public_part_omits_the_code() {
        assert_eq!(Invite::public("cmdchat://h:1/#oak-tidy-zoom"), "cmdchat://h:1/");
        assert_eq!(Invite::public("h:1"), "h:1");
    }
}
