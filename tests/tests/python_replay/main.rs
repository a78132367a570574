//! Replay of a recording made by a proxy between the Python programs, to this server and
//! this client.

mod client;
mod deviations;
mod recording;
mod server;
