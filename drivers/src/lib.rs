//! Everything that waits, written once over a small [`contract`]; the runtimes
//! are its leaves, each behind a feature of its name.
#![warn(missing_docs)]

#[cfg(feature = "blocking")]
pub mod blocking;
mod buffer;
pub mod connect;
pub mod contract;
mod login;
mod outbound;
pub mod serve;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(any(feature = "smol", feature = "blocking"))]
pub mod tcp;
