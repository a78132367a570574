//! The client's side: a login, then a session.
mod login;
mod news;
mod session;

pub(crate) use news::News;

pub use login::{Login, LoginFailed, LoginWork};
pub use session::{
    Ending, Event, MAX_LINE, Message, NotSent, Output, Progress, Reference, Session,
};
