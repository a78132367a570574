//! What is seen and typed: plain lines, a line editor, and the terminal that
//! holds both.

pub mod chat;
pub mod editor;
pub mod keyboard;
pub mod keys;
mod outbox;
mod output;
pub mod plain;
pub mod terminal;
