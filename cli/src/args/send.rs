//! `cmdchat send`.

use std::mem;

use clap::Args;

use crate::args::demands::SecurityArgs;
use crate::args::secret::{SecretArgs, SecretSource};
use crate::args::way::TargetArgs;

const EXAMPLES: &str = "\
Examples:
  cmdchat send example.org 3000 ci 'build done' --password-file key
  make 2>&1 | tail -20 | cmdchat send example.org 3000 ci --password-file key

It ends with 0 only when the host has passed the message on.";

/// Say one thing in a room, and leave.
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat send [OPTIONS] HOST PORT USERNAME [TEXT]",
    before_long_help = EXAMPLES
)]
pub struct SendArgs {
    #[command(flatten)]
    pub way: TargetArgs,

    /// What to say; - or nothing for standard input
    ///
    /// All of standard input is one message, of 16 KiB at most. Other users of
    /// this machine can see a text given here.
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    pub demands: SecurityArgs,
}

impl SendArgs {
    /// Where the password is to come from; to be asked once.
    pub fn take_secret(&mut self) -> SecretSource {
        mem::take(&mut self.secret).source(None)
    }
}
