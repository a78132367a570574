//! Every attack and its outcome, in tables that must match those of `docs/attacks.md`.

#![allow(clippy::unwrap_used, reason = "a test")]

mod network;
mod server;
mod table;
