//! `cmdchat passphrase`.

use clap::Args;

use crate::args::values;

const EXAMPLES: &str = "\
Examples:
  cmdchat passphrase                          seven words, for any room
  cmdchat passphrase --words 3                three, for a strict room only
  (umask 77; cmdchat passphrase >key)         write a file for --password-file

Each word is one of 1,295 and worth 10.3 bits.";

/// Generate a passphrase of random words
#[derive(Args, Debug)]
#[command(before_long_help = EXAMPLES)]
pub struct PassphraseArgs {
    /// Number of words, 3 to 32
    #[arg(long, value_name = "N", default_value = "7", value_parser = values::words)]
    pub words: usize,
}
