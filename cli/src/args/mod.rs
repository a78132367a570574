//! The command line: what can be typed, with its help, and what comes of it.

mod connect;
mod parse;
mod secret;
mod serve;
mod values;

#[cfg(test)]
mod tests;

pub use connect::Connect;
pub use parse::{Again, Parsed, Stop, parse};
pub use secret::{Argument, Source};
pub use serve::{Limits, Serve};
pub use values::{Bound, Host};

use clap::{Parser, Subcommand, ValueEnum};

/// End-to-end encrypted chat in the terminal.
#[derive(Debug, Parser)]
#[command(
    name = "cmdchat",
    version,
    infer_subcommands = true,
    arg_required_else_help = true,
    before_long_help = EXAMPLES
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cmdchat serve 0.0.0.0 3000                  open a room; asks for its password
  cmdchat connect 192.168.1.20 3000 alice     enter it as alice";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open a room that others connect to.
    Serve(Box<Serve>),
    /// Enter a room.
    Connect(Connect),
}

/// What carries the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Runtime {
    /// One thread for all, with an executor.
    #[cfg(feature = "smol")]
    Smol,
    /// Two threads for each connection, and nothing else.
    #[cfg(feature = "blocking")]
    Blocking,
}

#[cfg(not(any(feature = "smol", feature = "blocking")))]
compile_error!("cmdchat needs a runtime: the feature `smol`, `blocking`, or both");

#[cfg(feature = "smol")]
const DEFAULT_RUNTIME: &str = "smol";
#[cfg(not(feature = "smol"))]
const DEFAULT_RUNTIME: &str = "blocking";
