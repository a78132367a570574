//! The program `cmdchat`.

use std::process::ExitCode;

use cmdchat::{args, exit, secrets};

fn main() -> ExitCode {
    exit::run(|| match args::parse(std::env::args_os()) {
        Ok(parsed) => {
            let _password = secrets::password(parsed.secret, &parsed.again)?;
            Ok(exit::Exit::Done)
        }
        Err(stop) => stop.settle(),
    })
}
