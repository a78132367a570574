//! Errors of logins and sessions.

use crate::safe;
use std::time::Duration;

use cmdchat_core::{client::Mode, untrusted::Untrusted};

use crate::error::host_port;
use crate::error::{Error, ExitStatus, HumanDuration};
use crate::text::SafeText;

impl Error {
    /// The server rejected the client's proof.
    #[must_use]
    pub fn wrong_passphrase(host: &str, port: u16) -> Self {
        let what = safe![host_port(host, port), " did not accept the passphrase"];
        Self::new(ExitStatus::WrongPassphrase, what)
            .hint("passphrases are case-sensitive; codes are not")
    }

    /// The server offers less than the required mode.
    #[must_use]
    pub fn too_weak(host: &str, port: u16, offered: Mode) -> Self {
        let what = match offered {
            Mode::Plaintext => {
                safe![host_port(host, port), " supports only protocol 1"]
            }
            Mode::Sealed | Mode::Strict => {
                safe![host_port(host, port), " offers only a classic room"]
            }
        };
        Self::new(ExitStatus::NotCmdchat, what)
            .hint("someone may be interfering; pass --require any to join anyway")
    }

    /// The fingerprint differs from the pinned one.
    #[must_use]
    pub fn wrong_room(host: &str, port: u16) -> Self {
        let what = safe![host_port(host, port), " is a different room (fingerprint mismatch)"];
        Self::new(ExitStatus::UntrustedServer, what)
            .hint("compare the digits with the host; someone may be interfering")
    }

    /// An active network attacker suppresses protocol 2.
    #[must_use]
    pub fn downgrade(host: &str, port: u16) -> Self {
        let what = safe![
            "downgrade detected: ",
            host_port(host, port),
            " supports encrypted links, but the network is blocking them"
        ];
        Self::new(ExitStatus::UntrustedServer, what)
            .hint("do not type the passphrase on this network; try another one")
    }

    /// The server uses a protocol version that this program does not support.
    #[must_use]
    pub fn unknown_version(host: &str, port: u16) -> Self {
        let what =
            safe![host_port(host, port), " uses an unsupported protocol version (supported: 1, 2)"];
        Self::new(ExitStatus::NotCmdchat, what).hint("update cmdchat")
    }

    /// The server failed to prove that it knows the passphrase.
    #[must_use]
    pub fn server_not_authenticated(host: &str, port: u16) -> Self {
        let what = safe!["the server at ", host_port(host, port), " does not know the passphrase"];
        Self::new(ExitStatus::UntrustedServer, what).hint(
            "this may be someone else's machine; do not type the passphrase again, ask your friend",
        )
    }

    /// A member of the room already uses the name.
    #[must_use]
    pub fn name_taken(name: &str) -> Self {
        let what = safe!["someone called ", SafeText::quote(name), " is already in the room"];
        Self::new(ExitStatus::Name, what).hint("choose another name")
    }

    /// The name is invalid; `why` says so in two or three words.
    #[must_use]
    pub fn name_not_allowed(name: &str, why: &'static str) -> Self {
        let what = safe![SafeText::quote(name), " cannot be used as a name: ", why];
        Self::new(ExitStatus::Name, what).hint("1 to 32 characters without spaces or [")
    }

    /// The server answers, but shares no protocol with the client. `words` is the
    /// error text of the server.
    #[must_use]
    pub fn no_common_protocol(host: &str, port: u16, words: &Untrusted) -> Self {
        let words = SafeText::quote_remote(words);
        let what = safe![host_port(host, port), " does not understand this cmdchat: ", words];
        Self::new(ExitStatus::NotCmdchat, what).hint("update cmdchat")
    }

    /// The server did not finish the login within `timeout`.
    #[must_use]
    pub fn login_timed_out(host: &str, port: u16, timeout: Duration) -> Self {
        let within = SafeText::sanitize(&HumanDuration(timeout).to_string());
        let what = safe![host_port(host, port), " did not finish the login within ", within];
        Self::new(ExitStatus::TimedOut, what)
    }

    /// The code is too short for this kind of room.
    #[must_use]
    pub fn too_few_words(least: usize) -> Self {
        Self::usage(safe!["a code for this kind of room has at least ", least, " words"])
    }

    /// An empty passphrase, which would admit anyone to a strict room.
    #[must_use]
    pub fn empty_password() -> Self {
        Self::usage(safe!["a strict room needs a passphrase"])
            .hint("try: cmdchat passphrase --words 3")
    }

    /// The passphrase is weak, so that a relay could guess it from the verifier.
    #[must_use]
    pub fn weak_verifier() -> Self {
        let what = "anyone who holds the verifier could guess this passphrase";
        Self::usage(safe![what])
            .hint("use 7 random words (cmdchat passphrase), or --generate")
            .hint("pass --allow-weak to use it anyway")
    }

    /// The text is not a verifier.
    #[must_use]
    pub fn bad_verifier() -> Self {
        Self::usage(safe!["the verifier is invalid or damaged"])
            .hint("run cmdchat verifier to generate one")
    }

    /// The message exceeds the size limit of every room.
    #[must_use]
    pub fn too_long() -> Self {
        Self::usage(safe!["not sent: too long (16 KiB at most)"])
    }

    /// The message is empty.
    #[must_use]
    pub fn nothing_to_send() -> Self {
        Self::usage(safe!["nothing to send"])
            .hint("give the text as an argument or on standard input")
    }

    /// Some input lines were not sent; each was reported when it was read.
    #[must_use]
    pub fn not_sent(unsent: usize) -> Self {
        let noun = if unsent == 1 { " line was" } else { " lines were" };
        Self::usage(safe![unsent, noun, " too long and not sent"])
            .hint("a message takes 16 KiB at most")
    }

    /// The room is full.
    #[must_use]
    pub fn room_full() -> Self {
        Self::new(ExitStatus::Rejected, safe!["the room is full"])
    }

    /// The room already has as many members from this address as it takes.
    #[must_use]
    pub fn too_many_from_address() -> Self {
        Self::new(ExitStatus::Rejected, safe!["too many members from your address"])
    }

    /// The host lets nobody in.
    #[must_use]
    pub fn closed_by_host() -> Self {
        Self::new(ExitStatus::Rejected, safe!["the host has closed the room to newcomers"])
    }

    /// The host has banned this user.
    #[must_use]
    pub fn removed_by_host() -> Self {
        Self::new(ExitStatus::Rejected, safe!["the host removed you from the room"])
    }

    /// The server banned this address after failed logins; `wait` is the remaining time
    /// if known.
    #[must_use]
    pub fn too_many_tries(wait: Option<Duration>) -> Self {
        let what = safe!["too many wrong passphrases from this address"];
        let error = Self::new(ExitStatus::Rejected, what);
        match wait {
            Some(wait) => {
                let wait = SafeText::sanitize(&HumanDuration(wait).to_string());
                error.hint_text(safe!["the host allows the next try in ", wait])
            }
            None => error.hint("try again in a few minutes"),
        }
    }

    /// The server has too many concurrent logins.
    #[must_use]
    pub fn server_busy(host: &str, port: u16) -> Self {
        let what = safe![host_port(host, port), " is busy with other logins"];
        Self::new(ExitStatus::Rejected, what).hint("try again in a minute")
    }

    /// The server closed the connection before the login finished, as it does for
    /// an address with too many failed logins.
    #[must_use]
    pub fn closed_during_login(host: &str, port: u16) -> Self {
        let what = safe![host_port(host, port), " closed the connection during the login"];
        Self::new(ExitStatus::Rejected, what)
            .hint("too many tries from one address can be the reason; try again in a few minutes")
    }

    /// The server rejected the login with an error text that is not a known one.
    #[must_use]
    pub fn refused_with(host: &str, port: u16, words: &Untrusted) -> Self {
        let words = SafeText::quote_remote(words);
        let what = safe![host_port(host, port), " refused the login: ", words];
        Self::new(ExitStatus::Rejected, what)
    }

    /// The peer answered, but is not a cmdchat server. `first` holds its first
    /// bytes, as far as known.
    #[must_use]
    pub fn not_cmdchat(host: &str, port: u16, first: &[u8]) -> Self {
        let guess = match first {
            [b'H', b'T', b'T', b'P', b'/', ..] => " (it looks like HTTP)",
            [b'S', b'S', b'H', b'-', ..] => " (it looks like SSH)",
            [0x15 | 0x16, 3, ..] => " (it looks like TLS)",
            _ => "",
        };
        let what = safe![host_port(host, port), " answered, but is not a cmd-chat host", guess];
        Self::new(ExitStatus::NotCmdchat, what)
    }

    /// The connection broke during the session, and reconnecting failed for the
    /// duration `tried`. `undelivered` counts the messages that were not echoed.
    #[must_use]
    pub fn connection_lost(
        host: &str,
        port: u16,
        tried: Option<Duration>,
        undelivered: usize,
    ) -> Self {
        let mut what = safe!["lost the connection to ", host_port(host, port)];
        if let Some(tried) = tried {
            let tried = SafeText::sanitize(&HumanDuration(tried).to_string());
            what = safe![what, " and could not reconnect within ", tried];
        }
        let error = Self::new(ExitStatus::ConnectionLost, what);
        match undelivered {
            0 => error,
            1 => error.hint("1 message was not delivered"),
            more => error.hint_text(safe![more, " messages were not delivered"]),
        }
    }

    /// At the end of input or on leaving, some messages were not echoed within
    /// `timeout`, which is zero if the client did not wait.
    #[must_use]
    pub fn not_delivered(undelivered: usize, timeout: Duration) -> Self {
        let verb = if undelivered == 1 { " message was" } else { " messages were" };
        let mut what = safe![undelivered, verb, " not delivered"];
        if !timeout.is_zero() {
            let within = SafeText::sanitize(&HumanDuration(timeout).to_string());
            what = safe![what, " within ", within];
        }
        Self::new(ExitStatus::TimedOut, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_errors_have_codes_with_messages() {
        let host = "192.168.1.20";
        for (error, code, text) in [
            (
                Error::wrong_passphrase(host, 3000),
                6,
                "error: 192.168.1.20:3000 did not accept the passphrase\nhint: passphrases are case-sensitive; codes are not",
            ),
            (
                Error::server_not_authenticated(host, 3000),
                11,
                "error: the server at 192.168.1.20:3000 does not know the passphrase\nhint: this may be someone else's machine; do not type the passphrase again, ask your friend",
            ),
            (
                Error::name_taken("alice"),
                7,
                "error: someone called \"alice\" is already in the room\nhint: choose another name",
            ),
            (
                Error::name_not_allowed("al ice", "no spaces"),
                7,
                "error: \"al ice\" cannot be used as a name: no spaces\nhint: 1 to 32 characters without spaces or [",
            ),
            (Error::room_full(), 8, "error: the room is full"),
            (
                Error::too_many_tries(Some(Duration::from_secs(30))),
                8,
                "error: too many wrong passphrases from this address\nhint: the host allows the next try in 30 s",
            ),
            (
                Error::not_cmdchat(host, 3000, b"HTTP/1.1 400"),
                9,
                "error: 192.168.1.20:3000 answered, but is not a cmd-chat host (it looks like HTTP)",
            ),
            (
                Error::not_cmdchat(host, 3000, b"220 ftp"),
                9,
                "error: 192.168.1.20:3000 answered, but is not a cmd-chat host",
            ),
            (
                Error::connection_lost(host, 3000, None, 2),
                10,
                "error: lost the connection to 192.168.1.20:3000\nhint: 2 messages were not delivered",
            ),
            (
                Error::connection_lost(host, 3000, Some(Duration::from_secs(300)), 0),
                10,
                "error: lost the connection to 192.168.1.20:3000 and could not reconnect within 5 min",
            ),
            (
                Error::not_delivered(1, Duration::from_millis(2_500)),
                5,
                "error: 1 message was not delivered within 2500 ms",
            ),
        ] {
            assert_eq!((error.exit as u8, error.to_string().as_str()), (code, text));
        }
    }

    #[test]
    fn server_error_text_is_quoted_sanitized() {
        let words = Untrusted::new("go\u{1B}[31m\nhint: run this".into());
        assert_eq!(
            Error::refused_with("::1", 1, &words).to_string(),
            "error: [::1]:1 refused the login: \"go^[[31m\u{FFFD}hint: run this\""
        );
    }
}
