//! `cmdchat connect`.

use std::mem;

use clap::Args;

use crate::args::demands::SecurityArgs;
use crate::args::looks::DisplayArgs;
use crate::args::secret::{SecretArg, SecretArgs, SecretSource, argument};
use crate::args::way::TargetArgs;

const EXAMPLES: &str = "\
Examples:
  cmdchat connect 192.168.1.20 3000 alice             asks for the password
  cmdchat connect ::1 3000 bob --password-command 'pass show room'
  uptime | cmdchat connect example.org 3000 ci --password-file key
  bot | cmdchat connect example.org 3000 bot --json --password-file key

From a pipe every line is one message, and the end of input leaves the room
once the host has passed all of them on.";

/// Enter a room.
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat connect [OPTIONS] HOST PORT USERNAME [PASSWORD]",
    before_long_help = EXAMPLES
)]
pub struct ConnectArgs {
    #[command(flatten)]
    pub way: TargetArgs,

    /// Better left out: you are asked for it
    ///
    /// On Unix a password given here is
    /// taken off the process list at once, but your shell may keep it in its
    /// history.
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
    /// Where the password is to come from; to be asked once.
    pub fn take_secret(&mut self) -> SecretSource {
        mem::take(&mut self.secret).source(self.password.take())
    }
}
