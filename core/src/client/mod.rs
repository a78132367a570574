//! The client's side: a login, then a session.
mod config;
mod event;
pub(crate) mod login;
pub(crate) mod rich_markup;
mod session;

pub(crate) use session::Established;

pub use config::ClientConfig;
pub use event::{
    CloseReason, Ended, Event, Message, Mode, PendingMessage, RejectReason, RejectedMessage,
    SendError, SendId, Standing, Warning, Welcome,
};
pub use login::{Login, LoginFailure, LoginJob, Refused};
pub use session::{MAX_LINE, Output, Progress, Session};
