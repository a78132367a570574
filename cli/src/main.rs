//! The program `cmdchat`.

use std::process::ExitCode;

use cmdchat::{args, commands, exit, secrets};

fn main() -> ExitCode {
    exit::run(|| match args::parse(std::env::args_os()) {
        Ok(parsed) => {
            let password = secrets::password(parsed.secret, &parsed.again)?;
            commands::run(parsed.command, password)
        }
        Err(stop) => stop.settle(),
    })
}
