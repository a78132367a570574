//! The client's side: a login, then a session.
mod answers;
mod event;
mod guest;
mod hearing;
mod link;
mod login;
mod markup;
mod news;
mod session;
mod watch;

pub(crate) use news::News;
pub(crate) use session::Entrance;

pub use event::{
    Doubt, Ended, Ending, Event, Message, Mode, NotSent, Reference, Rejected, Rejection, Standing,
    Unconfirmed, Welcome,
};
pub use guest::Guest;
pub use login::{Login, LoginFailed, LoginWork, Refused};
pub use session::{MAX_LINE, Output, Progress, Session};
