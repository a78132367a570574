//! core
pub mod frame;
pub mod secret;
pub mod seed;
pub mod time;
pub mod untrusted;
