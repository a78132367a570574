//! Protocol errors, and the part of them that is reported to the peer.

use std::fmt;

/// The error lines of PROTOCOL 1.7, including the extensions of this
/// implementation. The texts are exact, because Python clients display them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// Line 1 or 3 is not a JSON object.
    InvalidJson,
    /// The `cmd` of line 1 is wrong or missing.
    ExpectedSrpInit,
    /// `A` is missing.
    MissingA,
    /// A member has this name, or one that differs in case only.
    UsernameTaken,
    /// `A` is not a valid public value.
    SrpInitFailed,
    /// The `cmd` of line 3 is wrong or missing.
    ExpectedSrpVerify,
    /// `user_id` is not the one the server assigned, or `M` is malformed.
    InvalidVerifyRequest,
    /// The proof is wrong.
    AuthenticationFailed,
    /// The name violates PROTOCOL 3.2.
    InvalidUsername,
    /// The room is full.
    RoomFull,
    /// The source address has as many members as one source may have.
    TooManyFromAddress,
    /// The host lets nobody in.
    ClosedByHost,
    /// The host has banned this member.
    RemovedByHost,
    /// The server accepts protocol 2 only.
    Protocol2Required,
    /// Too many login computations are pending.
    TryAgainLater,
}

const TEXTS: [(WireError, &str); 15] = [
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
    (WireError::TooManyFromAddress, "Too many from your address"),
    (WireError::ClosedByHost, "Closed by the host"),
    (WireError::RemovedByHost, "Removed by the host"),
    (WireError::Protocol2Required, "Protocol 2 required"),
    (WireError::TryAgainLater, "Try again later"),
];

impl WireError {
    /// Returns the text on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TEXTS.iter().find(|(error, _)| *error == self).map_or("", |(_, text)| text)
    }

    /// Returns the error whose wire text is `text`, if there is one.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        TEXTS.iter().find(|(_, known)| *known == text).map(|(error, _)| *error)
    }
}

/// A protocol violation by a client, or a reason for the server to reject its login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The server rejects the login with this error line.
    Rejected(WireError),
    /// A line is longer than the limit of its phase.
    LineTooLong,
    /// A chat line is not UTF-8.
    NotUtf8,
    /// A chat line is JSON but not an object.
    NotAnObject,
    /// A record is not the one an honest client seals next (PROTOCOL 2.4).
    Tampered,
    /// A request on a sealed link is too long or contains no token.
    InvalidRequest,
    /// A request to clear the history of a strict room that does not allow it.
    ClearForbidden,
    /// The login timeout has passed.
    LoginTimeout,
    /// The connection ended before the login completed.
    Disconnected,
}

impl ProtocolError {
    /// Returns the error line for the peer. For all other errors the server closes
    /// the connection without a response, which would not help an honest client.
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
    /// Returns the notice that the server sends on a sealed link before an orderly
    /// close. For all other errors the link ends at once, because an attacker who
    /// tampered with it could go on reading.
    #[must_use]
    pub const fn close_notice(self) -> Option<&'static str> {
        match self {
            Self::InvalidRequest => Some("your last message was too long or malformed"),
            Self::LoginTimeout => Some("the login took too long"),
            Self::ClearForbidden => Some(NO_CLEAR),
            Self::Rejected(_)
            | Self::LineTooLong
            | Self::NotUtf8
            | Self::NotAnObject
            | Self::Tampered
            | Self::Disconnected => None,
        }
    }
}

/// The notice to a member that requests a clear where it is not allowed.
pub(crate) const NO_CLEAR: &str = "in this room the history cannot be wiped by members";

/// The text for the server's own console.
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
