//! Everything that a proxy between the Python programs recorded, played once
//! more to our server and to our client.

mod client;
mod deviations;
mod recording;
mod server;
