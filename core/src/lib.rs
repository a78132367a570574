//! The chat protocol as machines without I/O: bytes, time and a seed go in;
//! frames and events come out.
//!
//! ```text
//!              bytes in                                           bytes out
//!   socket ──► Inbox ──► Login ──admitted──► Room ──► Log ──► Outlet ──► socket
//!              (lines)   (one per            (one per         (one per
//!                        connection)         server)          member)
//! ```
//!
//! Nothing here waits, reads a clock, draws randomness or touches a socket, so
//! every run can be repeated to the byte, and any runtime can drive it:
//!
//! * a [`handshake::Handshake`] is a value that every step consumes: one
//!   [`client::Login`] or [`server::Login`] per connection. Slow arithmetic
//!   leaves it as work that may run on any thread;
//! * a [`server::Room`] is one conversation, a [`client::Session`] one member's
//!   view of it: inputs go in by `handle` or `read`, `poll_output` says what is
//!   to be done, `deadline` when to look again;
//! * an [`decoder::LineDecoder`] cuts bytes into lines, a [`log::BroadcastLog`] holds the bytes
//!   to be written, once for all readers.
//!
//! Guarantees: no input of a peer makes it panic; memory is bounded by the
//! limits given; secrets are wiped when dropped and never printed.
#![warn(missing_docs)]

pub mod client;
pub mod crypto;
pub mod error;
pub mod fingerprint;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod handshake;
pub mod secret;
pub mod seed;
pub mod server;
pub mod strict_room;
pub mod time;
pub mod transport;
pub mod untrusted;
pub mod username;
#[cfg(test)]
#[path = "tests/v2_vectors.rs"]
mod v2_vectors;
pub mod wire;
