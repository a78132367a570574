//! The server's side: a gate, a login per connection, an intake per member,
//! and one room.
mod credentials;
mod gate;
mod history;
mod intake;
mod limits;
mod login;
mod pace;
mod patience;
mod room;

pub use credentials::{BadToken, Credentials, EmptyPassword};
pub(crate) use gate::Census;
pub use gate::{Gate, Pass, Seat, SeatId};
pub use intake::{Intake, Intent};
pub use limits::{Limits, Rate};
pub use login::{Admitted, Login, LoginWork, Refused};
pub use room::{Departure, Input, Output, Room};
