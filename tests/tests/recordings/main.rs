//! Everything that a proxy between the Python programs recorded, played once
//! more to our server and to our client.

mod deviations;
mod recording;
mod to_our_client;
mod to_our_server;
