//! I/O drivers for [`cmdchat_core`]: a server and a client, generic over a small
//! [`runtime`] interface. Each runtime is behind a feature of its name.
#![warn(missing_docs)]

pub mod client;
mod handshake;
mod notify;
mod outbound;
mod read_buffer;
pub mod runtime;
pub mod server;
