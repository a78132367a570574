//! `cmdchat verifier`.

use std::mem;

use clap::Args;

use crate::args::secret::{SecretArgs, SecretSource};

const EXAMPLES: &str = "\
Examples:
  cmdchat verifier | ssh relay cmdchat serve 0.0.0.0 3000 --verifier-stdin
  cmdchat verifier --classic --password-file key >verifier

Anyone who holds a verifier can impersonate the server and try to guess the
passphrase. It is not the passphrase and decrypts no message.";

/// Generate a verifier for a relay without the passphrase
#[derive(Args, Debug)]
#[command(before_long_help = EXAMPLES)]
pub struct VerifierArgs {
    /// For a classic room, which admits Python clients
    #[arg(long)]
    pub classic: bool,

    /// Generate a passphrase and print it
    #[arg(long, group = "secret")]
    pub generate: bool,

    /// Accept a weak passphrase
    #[arg(long)]
    pub allow_weak: bool,

    #[command(flatten)]
    secret: SecretArgs,
}

impl VerifierArgs {
    /// Takes the passphrase source out of the arguments; call it once.
    pub fn take_secret(&mut self) -> SecretSource {
        mem::take(&mut self.secret).source(None)
    }
}
