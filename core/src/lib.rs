//! Sans-I/O implementation of the chat protocol. The caller passes in bytes,
//! time and a seed; the state machines return frames and events.
//!
//! The data flow in a server:
//!
//! ```text
//!   socket ──► LineDecoder ──► Login ──admitted──► Room ──► BroadcastLog ──► LogCursor ──► socket
//!              (splits bytes   (one per            (one per                  (one per
//!              into lines)     connection)         server)                   member)
//! ```
//!
//! No code in this crate blocks, reads a clock, draws randomness or accesses a
//! socket. Therefore every run is reproducible to the byte, and any runtime can
//! drive the state machines:
//!
//! * [`handshake::Handshake`]: a login, which every step consumes by value. Each
//!   connection has one [`client::Login`] or [`server::Login`]. Expensive
//!   computation leaves it as a [`handshake::Job`], which any thread may run.
//! * [`server::Room`]: the chat room of a server. `handle` takes inputs.
//! * [`client::Session`]: one member's side of a room. `handle_input` takes bytes.
//! * Both return outputs from `poll_output` and their next timeout from
//!   `poll_timeout`.
//! * [`transport::line_decoder::LineDecoder`]: splits bytes into lines.
//! * [`transport::broadcast::BroadcastLog`]: stores outgoing bytes once for all
//!   members.
//!
//! Guarantees:
//!
//! * No input from a peer causes a panic.
//! * The configured limits bound memory use.
//! * Secrets are zeroized on drop and never printed.
#![warn(missing_docs)]

pub mod client;
pub mod crypto;
pub mod error;
pub mod fingerprint;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod handshake;
pub mod room_kind;
pub mod secret;
pub mod seed;
pub mod server;
pub mod strict_room;
pub mod time;
pub mod transport;
pub mod untrusted;
pub mod username;
#[cfg(test)]
#[path = "tests/v2_strict_vectors.rs"]
mod v2_strict_vectors;
#[cfg(test)]
#[path = "tests/v2_vectors.rs"]
mod v2_vectors;
pub mod wire;
