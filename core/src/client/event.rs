//! Events of a session, for the user interface.

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    fingerprint::{Fingerprint, RoomHash},
    strict_room::{envelope::MessageId, hash_chain::ChainHash, member_key::KeyId, roll_call},
    time::Tick,
    untrusted::Untrusted,
    wire::FernetToken,
};

/// Protection of a session (PROTOCOL 2.1, 2.3), weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// A classic room over protocol 1: only the texts are encrypted.
    Plaintext,
    /// A classic room over a sealed link.
    Sealed,
    /// A strict room.
    Strict,
}

impl Mode {
    /// Returns the label that user interfaces display permanently.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "classic, plaintext link",
            Self::Sealed => "classic, sealed",
            Self::Strict => "strict",
        }
    }
}

/// The caller's own number for one sent text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SendId(pub u64);

/// An event of a session.
#[derive(Debug)]
pub enum Event {
    /// The client has joined the room. Always the first event.
    Ready(Welcome),
    /// A member, perhaps this client, sent a message.
    Message(Message),
    /// A message arrived that must not be attributed to any member.
    Rejected(RejectedMessage),
    /// A member joined; the number is the member count afterwards.
    Joined(Untrusted, usize),
    /// A member left; the number is the member count afterwards.
    Left(Untrusted, usize),
    /// The server cleared the history. Names the member that requested it, if the server
    /// reports one. In a strict room the warnings concern that request.
    HistoryCleared(Option<Untrusted>, Vec<Warning>),
    /// A warning about the room as a whole. Only in strict rooms.
    RoomWarning(RoomWarning),
    /// A notice from the server, not from a member.
    Notice(Untrusted),
    /// A text was not sent, for the given reason; nothing else changed.
    SendFailed(SendId, SendError),
    /// The server has not echoed one of this client's texts for 10 s. It may still do so.
    Unacknowledged(SendId),
    /// The answer to [`crate::client::Session::request_fingerprint`].
    RoomState(RoomState),
    /// The session has ended. The last event, unless the caller sends more texts.
    Ended(SessionEnd),
}

/// State of the room at the moment of joining.
#[derive(Debug)]
pub struct Welcome {
    /// Protection of this session.
    pub mode: Mode,
    /// Identifies the room.
    pub fingerprint: Fingerprint,
    /// Usernames, this client's included, in the server's order.
    pub members: Vec<Untrusted>,
    /// Earlier messages, oldest first.
    pub history: Vec<Message>,
}

/// A message as the server broadcast it.
#[derive(Debug)]
pub struct Message {
    /// Author: in a strict room the name inside the token, else the name the server gives.
    pub author: Untrusted,
    /// The author's key, in a strict room.
    pub sender: Option<Sender>,
    /// Identifies the message: in a strict room by the member id and the message id inside the
    /// token, which stay the same when it is sent again; else by the server's id.
    pub id: Option<Untrusted>,
    /// The text, if it could be decrypted.
    pub text: Option<Untrusted>,
    /// Time: in a strict room by the author's clock, else by the server's, if it gave one.
    pub at: Option<Timestamp>,
    /// The text of this client that this message echoes, if any.
    pub own: Option<SendId>,
    /// Warnings about the message (PROTOCOL 2.6); always empty outside strict rooms.
    pub doubts: Vec<Warning>,
}

/// The author of a message in a strict room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Identifies the author's key.
    pub id: KeyId,
    /// The author is present, with this verified key.
    pub is_verified: bool,
    /// The key is not the last known one of this name: show the tag beside the name.
    pub needs_tag: bool,
    /// In the history: the present member of this name has another key.
    pub has_other_key: bool,
}

/// A warning about a strict room (PROTOCOL 2.6).
#[derive(Debug, PartialEq, Eq)]
pub enum RoomWarning {
    /// The member of this name has not introduced itself with a valid key.
    NotVerified(Untrusted),
    /// The member of this name has another key than a member of this name had before.
    AnotherKey {
        /// The name.
        name: Untrusted,
        /// The key known before.
        before: KeyId,
        /// The key of the member that is present now.
        now: KeyId,
    },
    /// A message of this member was received before and is not shown again, but this warning
    /// about it holds.
    Author {
        /// The name.
        name: Untrusted,
        /// The warning.
        warning: Warning,
    },
    /// So many events were missed while the connection was lost.
    Missed(u64),
    /// The server was started anew: this is another conversation.
    NewRun,
    /// The server shows another past than the one it showed before.
    OtherPast,
    /// So much has happened that not everything can be watched any more.
    NotWatched,
}

/// A reason to treat a message with caution. The message is shown nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The author was shown other events than this client: the server, or the author's program,
    /// does not tell the truth.
    SplitView,
    /// The same of a second author: the server shows different members different events.
    SplitViews,
    /// This many messages of the author are missing before this one.
    Missing(u64),
    /// The date differs by more than 300 s from this client's clock: the message was delayed,
    /// or a clock is wrong.
    Clock,
}

/// A message that cannot be attributed to a member (PROTOCOL 2.6).
#[derive(Debug)]
pub struct RejectedMessage {
    /// Author according to the server.
    pub author: Untrusted,
    /// The reason for rejecting it.
    pub why: RejectReason,
}

/// The reason why a message is not shown.
#[derive(Debug)]
pub enum RejectReason {
    /// The name does not belong to the key.
    Forged {
        /// The name inside the message.
        claimed: Untrusted,
        /// The key that wrote the message.
        id: KeyId,
    },
    /// The message was written without the key it claims.
    BadSignature,
    /// The message has the number of one of this client's messages, but differs from it.
    Altered,
    /// The message was received before.
    Replayed,
    /// A request to clear the history that cannot be decrypted or decoded. It has no effect.
    Unreadable,
}

/// What members compare to make sure that they are in the same room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomState {
    /// Identifies the room.
    pub room: RoomHash,
    /// Number of the last event and the chain hash after it; `None` outside strict rooms.
    pub view: Option<(u64, ChainHash)>,
    /// Ids of all present members in a strict room; `None` if one is not verified.
    pub members: Option<Vec<KeyId>>,
}

impl RoomState {
    /// Returns the fingerprint of the room.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.room.fingerprint()
    }

    /// Computes the roll call (PROTOCOL 2.7). Slow: some hundred milliseconds and 64 MiB.
    #[must_use]
    pub fn roll_call(&self) -> Option<Fingerprint> {
        self.members.as_ref().map(|ids| roll_call::roll_call(&self.room, ids))
    }

    /// Computes the number of the conversation (PROTOCOL 2.7). Slow, as [`Self::roll_call`].
    #[must_use]
    pub fn conversation(&self) -> Option<Fingerprint> {
        self.view.map(|(n, view)| roll_call::conversation(&self.room, n, &view))
    }
}

/// The reason why a text was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The text exceeds [`crate::wire::MAX_TEXT`] bytes, or its token
    /// [`crate::wire::MAX_TOKEN`] characters.
    TooLong,
    /// The session has ended.
    Ended,
}

/// The end of a session.
#[derive(Debug)]
pub struct SessionEnd {
    /// The cause.
    pub reason: CloseReason,
    /// Texts that the server did not echo, for [`crate::client::Login::resume`].
    pub unconfirmed: Vec<PendingMessage>,
}

/// The reason why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// This client closed the session.
    LocallyClosed,
    /// The server closed the connection normally.
    ClosedByServer,
    /// The server closed the connection normally and may be started anew.
    ServerRestarts,
    /// The connection broke: "cut off".
    ConnectionLost,
    /// The client received nothing from the server for 90 s.
    TimedOut,
    /// The server sent a line over [`crate::client::MAX_LINE`].
    LineTooLong,
    /// The connection was tampered with or corrupted (PROTOCOL 2.4).
    Tampered,
    /// The server lost or repeated messages (PROTOCOL 2.6).
    ServerMisbehaved,
}

impl CloseReason {
    /// Returns whether an automatic reconnect makes sense: the connection failed without either
    /// side closing it, or the server restarts.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::ConnectionLost | Self::TimedOut | Self::ServerRestarts => true,
            Self::LocallyClosed
            | Self::ClosedByServer
            | Self::LineTooLong
            | Self::Tampered
            | Self::ServerMisbehaved => false,
        }
    }
}

/// A text that no echo has confirmed. The members may have received it nevertheless.
pub struct PendingMessage {
    /// The caller's number for this text.
    pub reference: SendId,
    pub(crate) text: Zeroizing<String>,
    /// The room and the token it was sent as, if it was sent in a classic room.
    pub(crate) token: Option<(RoomHash, FernetToken)>,
    /// Identifies the text in strict rooms, once it was sent in one.
    pub(crate) mid: Option<MessageId>,
    /// Time at which it was sent over this session's connection, if it was.
    pub(crate) sent_at: Option<Tick>,
    /// Set once [`Event::Unacknowledged`] has been emitted for it.
    pub(crate) overdue: bool,
}

impl PendingMessage {
    /// Creates a text that has not been sent yet.
    #[must_use]
    pub const fn new(reference: SendId, text: Zeroizing<String>) -> Self {
        Self { reference, text, token: None, mid: None, sent_at: None, overdue: false }
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Omits the text.
impl std::fmt::Debug for PendingMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PendingMessage({})", self.reference.0)
    }
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the message is too long",
            Self::Ended => "the session has ended",
        })
    }
}

impl std::error::Error for SendError {}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LocallyClosed => "closed by this side",
            Self::ClosedByServer => "closed by the server",
            Self::ServerRestarts => "the server restarts",
            Self::ConnectionLost => "connection lost",
            Self::TimedOut => "timed out",
            Self::LineTooLong => "the server sent a line that is too long",
            Self::Tampered => "the connection was tampered with",
            Self::ServerMisbehaved => "the server lost or repeated messages",
        })
    }
}

impl std::error::Error for CloseReason {}
