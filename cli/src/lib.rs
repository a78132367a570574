//! The insides of the program `cmdchat`: what it reads from the command line,
//! where it gets the password, how it keeps its memory to itself, and what it
//! lets onto a screen. No library for others; `main.rs` and the tests are its
//! users.

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
