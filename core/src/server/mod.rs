//! The server's side: a gate, a login per connection, an intake per member,
//! and one room.
mod gate;
mod intake;
mod limits;
mod login;
mod pace;
mod room;

pub(crate) use gate::Census;
pub use gate::{Gate, Pass, Seat, SeatId};
pub use intake::{Intake, Intent};
pub use limits::{Limits, Rate};
pub use login::{Admitted, Credentials, Login, LoginWork, Refused};
pub use room::{Departure, Input, Output, Room};
