//! `cmdchat connect`.

use std::mem;
use std::time::Duration;

use clap::Args;

use super::secret::{Argument, SecretArgs, Source, argument};
use super::values::{self, Host};
use super::{DEFAULT_RUNTIME, Runtime};

const EXAMPLES: &str = "\
Examples:
  cmdchat connect 192.168.1.20 3000 alice             asks for the password
  cmdchat connect ::1 3000 bob --password-command 'pass show room'
  uptime | cmdchat connect example.org 3000 ci --password-file key

From a pipe every line is one message, and the end of input leaves the room
once the host has passed all of them on.";

/// Enter a room.
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat connect [OPTIONS] HOST PORT USERNAME [PASSWORD]",
    before_long_help = EXAMPLES
)]
pub struct Connect {
    /// Name or address of the host; IPv6 as ::1
    #[arg(value_name = "HOST", value_parser = values::host)]
    pub host: Host,

    /// Its port
    #[arg(value_name = "PORT", value_parser = values::port, allow_negative_numbers = true)]
    pub port: u16,

    /// How the others see you: 1 to 32 characters
    #[arg(value_name = "USERNAME")]
    pub username: String,

    /// Better left out: you are asked for it
    ///
    /// On Unix a password given here is
    /// taken off the process list at once, but your shell may keep it in its
    /// history.
    #[arg(value_name = "PASSWORD", value_parser = argument(), group = "secret")]
    password: Option<Argument>,

    #[command(flatten)]
    secret: SecretArgs,

    /// One event per line, without cursor movement
    ///
    /// At present this is the only view. It prints into the terminal's own scrollback, which cmdchat cannot
    /// erase.
    #[arg(long)]
    pub plain: bool,

    /// Longest wait for an answer
    ///
    /// It counts for connecting, and at the end of input for what was sent to
    /// come back. 30, 30s, 5m and 500ms are times.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::wait)]
    pub timeout: Duration,

    /// What carries the connection
    #[arg(long, value_name = "RUNTIME", value_enum, default_value = DEFAULT_RUNTIME, hide_short_help = true)]
    pub runtime: Runtime,
}

impl Connect {
    /// Where the password is to come from; to be asked once.
    pub fn take_secret(&mut self) -> Source {
        mem::take(&mut self.secret).source(self.password.take())
    }
}
