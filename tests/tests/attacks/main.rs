//! What an attacker can do, and what comes of it: every attack in a table, and
//! the tables are those of `docs/attacks.md`.

#![allow(clippy::unwrap_used, reason = "a test")]

mod network;
mod server;
mod table;
