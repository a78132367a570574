//! The client side: a [`Login`], which becomes a [`Session`].
mod config;
mod event;
pub(crate) mod login;
pub(crate) mod rich_markup;
mod session;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use session::Established;

pub use config::ClientConfig;
pub use event::{
    CloseReason, Event, Message, Mode, PendingMessage, RejectReason, RejectedMessage, RoomState,
    RoomWarning, SendError, SendId, Sender, SessionEnd, Warning, Welcome,
};
pub use login::{Login, LoginError, LoginFailure, LoginJob};
pub use session::{MAX_LINE, ReadStatus, Session, SessionOutput};
