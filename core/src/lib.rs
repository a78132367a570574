//! core
pub mod fernet;
pub mod frame;
pub mod keys;
pub mod secret;
pub mod seed;
pub mod srp;
pub mod time;
pub mod tolerant;
pub mod untrusted;
