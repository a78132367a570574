//! Everything that a proxy between the Python programs recorded, played once
//! more to our server and to our client.

#![allow(clippy::expect_used, clippy::panic, reason = "test code: a panic is how it says no")]

mod deviations;
mod recording;
mod to_our_client;
mod to_our_server;
