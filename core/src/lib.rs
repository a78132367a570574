//! core
pub mod frame;
pub mod handshake;
pub mod inbox;
pub mod log;
pub mod name;
pub mod client;
pub mod fernet;
pub mod keys;
pub mod secret;
pub mod srp;
pub mod seed;
mod strict;
pub mod time;
mod tolerant;
pub mod untrusted;
pub mod violation;
pub mod wire;
pub mod server;
