//! Everything that waits, written once over a small [`runtime`]; the runtimes
//! are its leaves, each behind a feature of its name.
#![warn(missing_docs)]

pub mod client;
mod handshake;
mod notify;
mod outbound;
mod read_buffer;
pub mod runtime;
pub mod server;
