//! The server's side: a gate, a login per connection, an intake per member,
//! and one room.
mod admission;
mod credentials;
mod limits;
mod login;
mod rate_limit;
mod request_reader;
mod room;

pub(crate) use admission::Census;
pub use admission::{Gate, Pass, Seat, SeatId};
pub use credentials::{BadToken, Credentials, EmptyPassword};
pub use limits::{Limits, Rate};
pub use login::{Admitted, Login, LoginWork, Refused};
pub use request_reader::{Intake, Intent};
pub use room::{Departure, Input, Output, Room};
