//! What a room costs: a load generator for servers on this machine, the floor
//! that they are compared with, and the whole table in one command.
//!
//! The server runs on one processor, the load on the others. Cost is the
//! server's processor time, because elapsed time says more about the load.
//! Every run checks that everybody got every message once and in order.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "whoever measures reads a clock")]

mod args;
mod baseline;
mod clients;
mod delivery_check;
mod expected_stream;
mod measure;
mod poller;
mod process;
mod protocols;
mod report;
mod room;
mod sealed_client;
mod server;

use std::{error::Error, process::ExitCode};

use clap::Parser as _;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    match args::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cmdchat-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
