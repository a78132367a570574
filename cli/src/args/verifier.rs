//! `cmdchat verifier`.

use std::mem;

use clap::Args;

use crate::args::secret::{SecretArgs, SecretSource};

const EXAMPLES: &str = "\
Examples:
  cmdchat verifier | ssh relay cmdchat serve 0.0.0.0 3000 --verifier-stdin
  cmdchat verifier --classic --password-file key >verifier

Whoever holds a verifier can play the host, and try to guess the passphrase;
but it is not the passphrase, and opens no message.";

/// Make what a relay needs that shall not know the passphrase.
#[derive(Args, Debug)]
#[command(before_long_help = EXAMPLES)]
pub struct VerifierArgs {
    /// For a classic room, where Python clients are welcome
    #[arg(long)]
    pub classic: bool,

    /// Make a passphrase of seven words, and tell it
    #[arg(long, group = "secret")]
    pub generate: bool,

    /// Take a passphrase that could be guessed
    #[arg(long)]
    pub allow_weak: bool,

    #[command(flatten)]
    secret: SecretArgs,
}

impl VerifierArgs {
    /// Where the password is to come from; to be asked once.
    pub fn take_secret(&mut self) -> SecretSource {
        mem::take(&mut self.secret).source(None)
    }
}
