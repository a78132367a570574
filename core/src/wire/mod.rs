//! The lines of both protocols as Rust values (PROTOCOL 1.2, 1.5, 1.7, 2.3, 2.5).

mod client_message;
pub(crate) mod handshake;
pub mod json;
pub(crate) mod server_message;

use jiff::{Timestamp, fmt::temporal::DateTimePrinter, tz::Offset};
use serde::Serialize;

use crate::{
    time::{Epoch, Tick},
    transport::frame::Frame,
};

pub use client_message::Request;
pub(crate) use client_message::{
    ClientHello, ClientMessage, ClientProofLine, RequestedLink, SealedOffer, SupportedVersions,
    read_hello, read_member_hello, read_proof, read_request, read_sealed_request,
};
pub(crate) use client_message::{clear, clear_strict, hello, message, pong, srp_init, srp_verify};
pub(crate) use server_message::{
    EncodedClear, EncodedMessage, MemberEntry, bye, bye_again, challenge, confirmation, error,
    init, members, notice, ping, refusal, sealed_challenge, sealed_confirmation, sealed_init,
    user_joined, user_left,
};

/// The longest line that both sides of protocol 1 can read, in bytes before the `\n`.
pub const MAX_LINE: usize = 65_536;
/// The longest handshake line a server accepts, in bytes before the `\n`.
pub const MAX_HANDSHAKE_LINE: usize = 8_192;
/// The longest Fernet token a server relays, in characters.
pub const MAX_TOKEN: usize = 45_056;
/// The longest token of a member's hello, in characters.
pub(crate) const MAX_HELLO: usize = 1_024;
/// The longest text of one message, in bytes of UTF-8.
pub const MAX_TEXT: usize = 16_384;

/// Version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolVersion {
    /// The Python program's protocol: lines are not encrypted.
    V1,
    /// The protocol with sealed links.
    V2,
}

/// The encrypted text of a message, opaque to the server. It consists of at most [`MAX_TOKEN`]
/// characters of the Fernet alphabet (`A-Za-z0-9-_=`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FernetToken(String);

impl FernetToken {
    /// Returns `None` if `text` is too long or has a character outside the alphabet.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_' | b'=');
        // Not `all`: a loop without early exit is vectorized.
        let all_fit = text.bytes().fold(true, |so_far, byte| so_far & fits(byte));
        (text.len() <= MAX_TOKEN && all_fit).then_some(Self(text))
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// Returns the characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Prints only the length.
impl std::fmt::Debug for FernetToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({} characters)", self.0.len())
    }
}

fn frame(line: &impl Serialize) -> Frame {
    let mut bytes = Vec::new();
    append(&mut bytes, line);
    Frame::from_line(bytes)
}

fn append(line: &mut Vec<u8>, value: &impl Serialize) {
    // Writing structs of strings to memory cannot fail.
    let _ = serde_json::to_writer(line, value);
}

/// The wall clock in the wire format. Each instant is formatted once.
#[derive(Debug)]
pub(crate) struct TimestampCache {
    epoch: Epoch,
    moment: Tick,
    shown: String,
}

impl TimestampCache {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self { epoch, moment: Tick::ZERO, shown: iso(epoch.at(Tick::ZERO)) }
    }

    /// See [`Epoch::correct`].
    pub(crate) fn correct(&mut self, measured: Epoch) {
        if self.epoch.correct(measured) {
            self.shown = iso(self.epoch.at(self.moment));
        }
    }

    /// Returns the time at `now`.
    pub(crate) fn at(&mut self, now: Tick) -> &str {
        if self.moment != now {
            self.moment = now;
            self.shown = iso(self.epoch.at(now));
        }
        &self.shown
    }
}

/// Formats as Python's `datetime.isoformat()`: microseconds unless they are zero, then `+00:00`.
fn iso(at: Timestamp) -> String {
    let digits = if at.subsec_microsecond() == 0 { 0 } else { 6 };
    let printer = DateTimePrinter::new().precision(Some(digits));
    printer.timestamp_with_offset_to_string(&at, Offset::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_match_python_isoformat() {
        let at = |text: &str| text.parse::<Timestamp>().map(iso).unwrap_or_default();
        assert_eq!(at("2026-11-23T15:18:51.554307Z"), "2026-11-23T15:18:51.554307+00:00");
        assert_eq!(at("2026-11-23T15:18:51.5Z"), "2026-11-23T15:18:51.500000+00:00");
        assert_eq!(at("2026-11-23T15:18:51Z"), "2026-11-23T15:18:51+00:00");
        assert_eq!(at("2026-11-23T15:18:51.000000999Z"), "2026-11-23T15:18:51+00:00");
    }

    #[test]
    fn timestamp_cache_follows_the_clock() {
        let mut clock = TimestampCache::new(Epoch::new(Timestamp::UNIX_EPOCH));
        for (seconds, shown) in [(0, "00"), (0, "00"), (5, "05"), (5, "05"), (59, "59")] {
            let now = Tick::from_start(std::time::Duration::from_secs(seconds));
            assert_eq!(clock.at(now), format!("1970-01-01T00:00:{shown}+00:00"));
        }
    }
}
