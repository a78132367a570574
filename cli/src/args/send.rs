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

The exit status is 0 only if the server has relayed the message.";

/// Send one message and exit
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat send [OPTIONS] HOST PORT USERNAME [TEXT]",
    before_long_help = EXAMPLES
)]
pub struct SendArgs {
    #[command(flatten)]
    pub way: TargetArgs,

    /// Message text (- or none: standard input)
    ///
    /// All of standard input is one message of at most 16 KiB. Other users of
    /// this machine can see a text given as an argument.
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    pub demands: SecurityArgs,
}

impl SendArgs {
    /// Takes the passphrase source out of the arguments; call it once.
    pub fn take_secret(&mut self) -> SecretSource {
        mem::take(&mut self.secret).source(None)
    }
}
