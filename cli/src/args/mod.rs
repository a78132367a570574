//! The command line: what can be typed, with its help, and what comes of it.

mod connect;
mod demands;
mod host;
mod join;
mod looks;
mod parse;
mod passphrase;
mod secret;
mod send;
mod serve;
mod values;
mod verifier;
mod way;

#[cfg(test)]
mod tests;

pub use crate::args::connect::ConnectArgs;
pub use crate::args::demands::SecurityArgs;
pub use crate::args::host::HostArgs;
pub use crate::args::join::JoinArgs;
pub use crate::args::looks::DisplayArgs;
pub use crate::args::parse::{ArgsError, Invocation, ReexecArgs, parse};
pub use crate::args::passphrase::PassphraseArgs;
pub use crate::args::secret::{SecretArg, SecretSource};
pub use crate::args::send::SendArgs;
pub use crate::args::serve::{LimitArgs, ServeArgs};
pub use crate::args::values::{Host, Limit};
pub use crate::args::verifier::VerifierArgs;
pub use crate::args::way::{TargetArgs, TransportArgs};

pub(crate) use crate::args::values::{host, port};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

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
    command: CliCommand,
}

const EXAMPLES: &str = "\
Examples:
  cmdchat host                                open a room for friends
  cmdchat join                                enter it with what you were told
  cmdchat serve 0.0.0.0 3000                  open a room; asks for its password
  cmdchat connect 192.168.1.20 3000 alice     enter it as alice
  cmdchat send 192.168.1.20 3000 ci done      say one thing and leave";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Open a room for friends, and sit in it.
    Host(Box<HostArgs>),
    /// Open a room that others connect to.
    #[command(alias = "se")] // two letters have always been enough
    Serve(Box<ServeArgs>),
    /// Enter a room.
    #[command(alias = "co")]
    Connect(ConnectArgs),
    /// Enter a room with the line or the code that its host gave you.
    Join(JoinArgs),
    /// Say one thing in a room, and leave.
    Send(SendArgs),
    /// Make what a relay needs that shall not know the passphrase.
    Verifier(VerifierArgs),
    /// Make a passphrase of random words.
    Passphrase(PassphraseArgs),
    /// Say what this machine does to keep a conversation to itself.
    #[command(before_long_help = DOCTOR_EXAMPLES)]
    Doctor,
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Print the manual page.
    #[command(before_long_help = MAN_EXAMPLES)]
    Man,
}

/// Print completions for a shell.
#[derive(Args, Debug)]
#[command(before_long_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(cmdchat completions bash)          for this shell
  cmdchat completions fish >~/.config/fish/completions/cmdchat.fish";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  cmdchat doctor                              memory, swap, core dumps, terminal";

const MAN_EXAMPLES: &str = "\
Examples:
  cmdchat man | man -l -                      read it
  cmdchat man >cmdchat.1                      keep it";

/// The whole command line, as clap knows it.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// What carries the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeKind {
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
