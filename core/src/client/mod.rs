//! The client's side: a login, then a session.
mod config;
mod event;
pub(crate) mod login;
pub(crate) mod rich_markup;
mod session;

pub(crate) use session::Entrance;

pub use config::Guest;
pub use event::{
    Doubt, Ended, Ending, Event, Message, Mode, NotSent, Reference, Rejected, Rejection, Standing,
    Unconfirmed, Welcome,
};
pub use login::{Login, LoginFailed, LoginWork, Refused};
pub use session::{MAX_LINE, Output, Progress, Session};
