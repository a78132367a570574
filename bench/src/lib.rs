//! Benchmark of the cost of a room: a load generator for servers on this machine,
//! a baseline server to compare them with, and one command for the whole table.
//!
//! The server runs on one processor, the load on the others. Cost is the server's
//! processor time, because elapsed time depends mostly on the load generator.
//! Every run checks that every member received every message once and in order.
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

/// Runs the command given on the command line.
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
