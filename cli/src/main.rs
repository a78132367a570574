//! The program `cmdchat`.

use std::process::ExitCode;

use cmdchat::{args, commands, exit};

fn main() -> ExitCode {
    exit::run(|| match args::parse(std::env::args_os()) {
        Ok(parsed) => commands::run(parsed),
        Err(stop) => stop.settle(),
    })
}
