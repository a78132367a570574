//! Implementation of the program `cmdchat`: command line, passphrase input, process
//! hardening, sanitized output, sessions and the user interface. It is not a public
//! library; its users are `main.rs` and the tests.

pub mod args;
pub mod commands;
pub mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod hardening;
pub mod invite;
pub mod json;
pub mod panic;
pub mod secrets;
pub mod session;
mod signals;
pub mod text;
pub mod ui;
