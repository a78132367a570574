//! The program `cmdchat`.

use std::{alloc::System, process::ExitCode};

use cmdchat::{args, commands, hardening, panic};
use zeroizing_alloc::ZeroAlloc;

/// Global allocator that zeroizes all freed memory, because the arithmetic
/// libraries do not zeroize theirs.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    hardening::apply();
    let code = panic::run(|| match args::parse(std::env::args_os()) {
        Ok(parsed) => commands::run(parsed),
        Err(stop) => stop.exit(),
    });
    hardening::zero_stack();
    code
}
