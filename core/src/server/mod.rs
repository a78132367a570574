//! The server side: admission control, a [`Login`] for each connection, a
//! [`RequestReader`] for each member, and one [`Room`].
mod admission;
mod credentials;
mod limits;
mod login;
mod rate_limit;
mod request_reader;
mod room;

pub use admission::{Admission, LoginId, LoginPermit, MemberId, MemberSlot, Origin};
#[cfg(feature = "fuzzing")]
pub(crate) use admission::{AdmissionCounts, Turn};
pub use credentials::{Credentials, EmptyPassword, VerifierTokenError};
pub use limits::{Limits, Rate};
pub use login::{Admitted, Login, LoginError, LoginJob};
pub use request_reader::{Inbound, RequestReader};
pub use room::{LeaveReason, Room, RoomInput, RoomOutput, Shutdown};
