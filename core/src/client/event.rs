//! What a person is told.

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{fingerprint::Fingerprint, time::Tick, untrusted::Untrusted, wire::FernetToken};

/// What protects a session (PROTOCOL 2.1, 2.3), the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// A classic room over protocol 1: nothing but the texts is encrypted.
    Plaintext,
    /// A classic room over a sealed link.
    Sealed,
    /// A strict room.
    Strict,
}

impl Mode {
    /// As it is shown all the time.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "classic, plaintext link",
            Self::Sealed => "classic, sealed",
            Self::Strict => "strict",
        }
    }
}

/// One text, in the numbering of whoever speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SendId(pub u64);

/// What a person is told.
#[derive(Debug)]
pub enum Event {
    /// In the room. The first event.
    Ready(Welcome),
    /// Somebody, perhaps this client, said something.
    Message(Message),
    /// Something was said that is not to be shown as anybody's words.
    Rejected(RejectedMessage),
    /// A member came; so many are present now.
    Joined(Untrusted, usize),
    /// A member left; so many are present now.
    Left(Untrusted, usize),
    /// The server forgot the history, at the wish of this member, if it says
    /// whose it was; and what is odd about that, in a strict room.
    HistoryCleared(Option<Untrusted>, Vec<Warning>),
    /// Words of the server, not of a member.
    Notice(Untrusted),
    /// A text was not sent, and why; nothing else changed.
    SendFailed(SendId, SendError),
    /// A text of one's own has not come back for 10 s. It may still.
    Unacknowledged(SendId),
    /// The answer to a wish to compare rooms.
    RoomState(RoomState),
    /// The session is over. The last event, unless more is said all the same.
    Ended(SessionEnd),
}

/// What a newcomer finds.
#[derive(Debug)]
pub struct Welcome {
    /// What protects this session.
    pub mode: Mode,
    /// Tells this room from all others.
    pub fingerprint: Fingerprint,
    /// Names, this client's included, in the server's order.
    pub members: Vec<Untrusted>,
    /// What was said before, oldest first.
    pub history: Vec<Message>,
}

/// A message as the room heard it.
#[derive(Debug)]
pub struct Message {
    /// Who said it: in a strict room the name inside the token, else the server's words.
    pub author: Untrusted,
    /// The text, if it could be decrypted.
    pub text: Option<Untrusted>,
    /// When: in a strict room by the author's clock, else by the server's, if it said so.
    pub at: Option<Timestamp>,
    /// Which of this client's own texts it is the echo of.
    pub own: Option<SendId>,
    /// What is odd about it (PROTOCOL 2.6); always empty outside strict rooms.
    pub doubts: Vec<Warning>,
}

/// Why a message is to be taken with care. It is shown all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The author saw another conversation than this client: the server shows
    /// different members different things.
    SplitView,
    /// So many messages of the author are missing before this one.
    Missing(u64),
    /// It is dated more than 300 s from this client's clock: delayed, or a wrong clock.
    Clock,
}

/// A message that is nobody's (PROTOCOL 2.6).
#[derive(Debug)]
pub struct RejectedMessage {
    /// Whose it is, in the server's words.
    pub author: Untrusted,
    /// Why it is not shown.
    pub why: RejectReason,
}

/// Why a message is not shown.
#[derive(Debug)]
pub enum RejectReason {
    /// It was written under this other name.
    Forged(Untrusted),
    /// It has the number of a message of this client's, and is another.
    Altered,
    /// It was heard before.
    Replayed,
    /// A wish to wipe the room that cannot be read. It is not heeded.
    Unreadable,
}

/// Where a member of a strict room stands: equal for all who saw the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomState {
    /// The number of the last event, and the beginning of its view; none outside strict rooms.
    pub view: Option<(u64, [u8; 5])>,
    /// Tells this room from all others.
    pub fingerprint: Fingerprint,
}

/// Why a text was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Over [`crate::wire::MAX_TEXT`] bytes, or its token over
    /// [`crate::wire::MAX_TOKEN`] characters.
    TooLong,
    /// The session is over.
    Ended,
}

/// How a session ended.
#[derive(Debug)]
pub struct SessionEnd {
    /// Why.
    pub reason: CloseReason,
    /// What was said and not heard back, to be given to the next login.
    pub unconfirmed: Vec<PendingMessage>,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// This side left.
    LocallyClosed,
    /// The server closed the connection in the ordinary way.
    ClosedByServer,
    /// The connection broke: "cut off".
    ConnectionLost,
    /// Nothing was heard from the server for 90 s.
    TimedOut,
    /// The server sent a line over [`crate::client::MAX_LINE`].
    LineTooLong,
    /// The connection was tampered with or broken (PROTOCOL 2.4).
    Tampered,
    /// The server lost or repeated messages (PROTOCOL 2.6).
    ServerMisbehaved,
}

impl CloseReason {
    /// Whether connecting again by oneself makes sense: the connection failed
    /// and nobody asked for that.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        match self {
            Self::ConnectionLost | Self::TimedOut => true,
            Self::LocallyClosed
            | Self::ClosedByServer
            | Self::LineTooLong
            | Self::Tampered
            | Self::ServerMisbehaved => false,
        }
    }
}

/// A text that no echo has confirmed. The room may have heard it all the same.
pub struct PendingMessage {
    /// Whose echo it waits for.
    pub reference: SendId,
    pub(crate) text: Zeroizing<String>,
    /// What it travelled as, if it did.
    pub(crate) token: Option<FernetToken>,
    /// When it was sent over this session's link, if it was.
    pub(crate) sent_at: Option<Tick>,
    /// The person knows that it is late.
    pub(crate) overdue: bool,
}

impl PendingMessage {
    /// A text that has not travelled yet.
    #[must_use]
    pub const fn new(reference: SendId, text: Zeroizing<String>) -> Self {
        Self { reference, text, token: None, sent_at: None, overdue: false }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Without the text.
impl std::fmt::Debug for PendingMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unconfirmed({})", self.reference.0)
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
            Self::ConnectionLost => "connection lost",
            Self::TimedOut => "timed out",
            Self::LineTooLong => "the server sent a line that is too long",
            Self::Tampered => "the connection was tampered with",
            Self::ServerMisbehaved => "the server lost or repeated messages",
        })
    }
}

impl std::error::Error for CloseReason {}
