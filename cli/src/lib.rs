//! The insides of the program `cmdchat`: what it reads from the command line,
//! where it gets the password, how it keeps its memory to itself, and what it
//! lets onto a screen. No library for others; `main.rs` and the tests are its
//! users.

pub mod args;
pub mod code;
pub mod commands;
pub mod exit;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod secrets;
pub mod shelter;
pub mod text;
pub mod view;
