//! The program `cmdchat`.

use std::{alloc::System, process::ExitCode};

use cmdchat::{args, commands, exit, shelter};
use zeroizing_alloc::ZeroAlloc;

/// Memory is wiped when it is freed, whoever used it: the libraries of the
/// arithmetic wipe nothing themselves.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    shelter::seek();
    let code = exit::run(|| match args::parse(std::env::args_os()) {
        Ok(parsed) => commands::run(parsed),
        Err(stop) => stop.settle(),
    });
    shelter::leave();
    code
}
