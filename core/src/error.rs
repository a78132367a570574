//! What a peer did wrong, and what it may learn of it.

use std::fmt;

/// The error lines of PROTOCOL 1.7, ours included. Python clients show the
/// text, so it is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// Line 1 or 3 is not a JSON object.
    InvalidJson,
    /// Line 1 has another or no `cmd`.
    ExpectedSrpInit,
    /// `A` is missing.
    MissingA,
    /// A member has this name, or one that differs in case only.
    UsernameTaken,
    /// `A` is not a public value.
    SrpInitFailed,
    /// Line 3 has another or no `cmd`.
    ExpectedSrpVerify,
    /// `user_id` is not the one given, or `M` is not a proof.
    InvalidVerifyRequest,
    /// The proof is wrong.
    AuthenticationFailed,
    /// The name breaks PROTOCOL 3.2.
    InvalidUsername,
    /// The room, or the share of this source in it, is full.
    RoomFull,
    /// Only protocol 2 is spoken here.
    Protocol2Required,
    /// Too many logins are being computed.
    TryAgainLater,
}

const TEXTS: [(WireError, &str); 12] = [
    (WireError::InvalidJson, "Invalid JSON"),
    (WireError::ExpectedSrpInit, "Expected srp_init"),
    (WireError::MissingA, "Missing A"),
    (WireError::UsernameTaken, "Username taken"),
    (WireError::SrpInitFailed, "SRP init failed"),
    (WireError::ExpectedSrpVerify, "Expected srp_verify"),
    (WireError::InvalidVerifyRequest, "Invalid verify request"),
    (WireError::AuthenticationFailed, "Authentication failed"),
    (WireError::InvalidUsername, "Invalid username"),
    (WireError::RoomFull, "Room full"),
    (WireError::Protocol2Required, "Protocol 2 required"),
    (WireError::TryAgainLater, "Try again later"),
];

impl WireError {
    /// The text on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TEXTS.iter().find(|(error, _)| *error == self).map_or("", |(_, text)| text)
    }

    /// The error that `text` stands for, if it is one of these.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        TEXTS.iter().find(|(_, known)| *known == text).map(|(error, _)| *error)
    }
}

/// How a client broke the protocol, or why a server could not let it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// Refused with this line.
    Rejected(WireError),
    /// A line over the bound of its phase.
    LineTooLong,
    /// A chat line that is not UTF-8.
    NotUtf8,
    /// A chat line that is JSON, but no object.
    NotAnObject,
    /// A record that is not what an honest client seals next (PROTOCOL 2.4).
    Tampered,
    /// A request over a sealed link that is too long or holds no token.
    InvalidRequest,
    /// A wish to clear a strict room, where that is not allowed.
    ClearForbidden,
    /// Not logged in within the time given.
    LoginTimeout,
    /// The connection ended before the login did.
    Disconnected,
}

impl ProtocolError {
    /// What the peer is told; for all else the connection just ends, because
    /// an answer would help nobody who is honest.
    #[must_use]
    pub const fn wire_error(self) -> Option<WireError> {
        match self {
            Self::Rejected(error) => Some(error),
            Self::LineTooLong
            | Self::NotUtf8
            | Self::NotAnObject
            | Self::Tampered
            | Self::InvalidRequest
            | Self::ClearForbidden
            | Self::LoginTimeout
            | Self::Disconnected => None,
        }
    }
}

impl ProtocolError {
    /// What a member with a sealed link is told before it is closed in order.
    /// For all else it ends at once: whoever tampered with it would read on.
    #[must_use]
    pub const fn close_notice(self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest => Some("your last message was too long or malformed"),
            Self::ClearForbidden => Some(NO_CLEAR),
            Self::Rejected(_)
            | Self::LineTooLong
            | Self::NotUtf8
            | Self::NotAnObject
            | Self::Tampered
            | Self::LoginTimeout
            | Self::Disconnected => None,
        }
    }
}

/// Told to whoever asks for it where it is not allowed.
pub(crate) const NO_CLEAR: &str = "in this room the history cannot be wiped by members";

/// For the host's own console.
impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected(error) => error.as_str(),
            Self::LineTooLong => "line too long",
            Self::NotUtf8 => "not UTF-8",
            Self::NotAnObject => "not a JSON object",
            Self::Tampered => "record tampered with or broken",
            Self::InvalidRequest => "request too long or malformed",
            Self::ClearForbidden => NO_CLEAR,
            Self::LoginTimeout => "login took too long",
            Self::Disconnected => "left during login",
        })
    }
}

impl From<WireError> for ProtocolError {
    fn from(error: WireError) -> Self {
        Self::Rejected(error)
    }
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for WireError {}

impl std::error::Error for ProtocolError {}
