//! The program `cmdchat`.

use std::process::ExitCode;

use cmdchat::{args, exit};

fn main() -> ExitCode {
    exit::run(|| match args::parse(std::env::args_os()) {
        Ok(_parsed) => Ok(exit::Exit::Done),
        Err(stop) => stop.settle(),
    })
}
