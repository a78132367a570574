//! What is seen and typed: plain lines, a line editor and the terminal that
//! holds both; and objects for programs.

pub mod chat;
pub mod editor;
pub mod json;
pub mod keyboard;
pub mod keys;
mod outbox;
mod output;
pub mod plain;
pub mod talk;
pub mod terminal;
