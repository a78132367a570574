//! `cmdchat connect`.

use std::mem;

use clap::Args;

use crate::args::demands::SecurityArgs;
use crate::args::looks::DisplayArgs;
use crate::args::secret::{SecretArg, SecretArgs, SecretSource, argument};
use crate::args::way::TargetArgs;

const EXAMPLES: &str = "\
Examples:
  cmdchat connect 192.168.1.20 3000 alice             prompts for the passphrase
  cmdchat connect ::1 3000 bob --password-command 'pass show room'
  uptime | cmdchat connect example.org 3000 ci --password-file key
  bot | cmdchat connect example.org 3000 bot --json --password-file key

If stdin is a pipe, each line is one message. At the end of input the client
leaves the room once the server has relayed every message.";

/// Join a room
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat connect [OPTIONS] HOST PORT USERNAME [PASSWORD]",
    before_long_help = EXAMPLES
)]
pub struct ConnectArgs {
    #[command(flatten)]
    pub way: TargetArgs,

    /// Passphrase (omit it to be prompted)
    ///
    /// On Unix a passphrase given here is removed from the process list at
    /// once, but your shell may keep it in its history.
    #[arg(value_name = "PASSWORD", value_parser = argument(), group = "secret")]
    password: Option<SecretArg>,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    pub demands: SecurityArgs,

    #[command(flatten)]
    pub looks: DisplayArgs,
}

impl ConnectArgs {
    /// Takes the passphrase source out of the arguments; call it once.
    pub fn take_secret(&mut self) -> SecretSource {
        mem::take(&mut self.secret).source(self.password.take())
    }
}
