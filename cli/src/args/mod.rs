//! Command-line arguments: clap definitions, help texts and parsing.

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

/// End-to-end encrypted chat in the terminal
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
  cmdchat host                                host a room and join it
  cmdchat join                                join a room with an invite
  cmdchat serve 0.0.0.0 3000                  run a room; prompts for a passphrase
  cmdchat connect 192.168.1.20 3000 alice     join a room as alice
  cmdchat send 192.168.1.20 3000 ci done      send one message and exit";

/// The subcommands of the program.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Host a room and join it
    Host(Box<HostArgs>),
    /// Run a room for others to join
    #[command(alias = "se")] // two letters suffice, although `send` begins with them too
    Serve(Box<ServeArgs>),
    /// Join a room
    #[command(alias = "co")]
    Connect(ConnectArgs),
    /// Join a room with the invite or the code from its host
    Join(JoinArgs),
    /// Send one message and exit
    Send(SendArgs),
    /// Generate a verifier for a relay without the passphrase
    Verifier(VerifierArgs),
    /// Generate a passphrase of random words
    Passphrase(PassphraseArgs),
    /// Check this machine's protection against leaks
    #[command(before_long_help = DOCTOR_EXAMPLES)]
    Doctor,
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print the manual page
    #[command(before_long_help = MAN_EXAMPLES)]
    Man,
}

/// Print shell completions
#[derive(Args, Debug)]
#[command(before_long_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// Shell to complete for
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
  cmdchat man | man -l -                      read the page
  cmdchat man >cmdchat.1                      write it to a file";

/// Returns the clap definition of the whole command line.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// I/O runtime of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeKind {
    /// One async executor thread for all connections
    #[cfg(feature = "smol")]
    Smol,
    /// Two threads per connection
    #[cfg(feature = "blocking")]
    Blocking,
}

#[cfg(not(any(feature = "smol", feature = "blocking")))]
compile_error!("cmdchat needs a runtime: the feature `smol`, `blocking`, or both");

#[cfg(feature = "smol")]
const DEFAULT_RUNTIME: &str = "smol";
#[cfg(not(feature = "smol"))]
const DEFAULT_RUNTIME: &str = "blocking";
