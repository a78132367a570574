//! core
pub mod frame;
pub mod handshake;
pub mod inbox;
pub mod name;
pub mod secret;
pub mod seed;
mod strict;
pub mod time;
pub mod untrusted;
pub mod violation;
pub mod wire;
pub mod server;
