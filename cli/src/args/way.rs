//! The way into a room.

use std::time::Duration;

use clap::Args;

use crate::args::values::{self, Host};
use crate::args::{DEFAULT_RUNTIME, RuntimeKind};

/// Where a room is, and as whom to enter it.
#[derive(Args, Debug)]
pub struct TargetArgs {
    /// Name or address of the host; IPv6 as ::1
    #[arg(value_name = "HOST", value_parser = values::host)]
    pub host: Host,

    /// Its port
    #[arg(value_name = "PORT", value_parser = values::port, allow_negative_numbers = true)]
    pub port: u16,

    /// How the others see you: 1 to 32 characters
    #[arg(value_name = "USERNAME")]
    pub username: String,

    #[command(flatten)]
    pub carriage: TransportArgs,
}

/// What carries a connection.
#[derive(Args, Clone, Copy, Debug)]
pub struct TransportArgs {
    /// Longest wait for an answer
    ///
    /// It counts for connecting, and at the end of input for what was sent to
    /// come back. 30, 30s, 5m and 500ms are times.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::duration, display_order = 100)]
    pub timeout: Duration,

    /// What carries the connection
    #[arg(long, value_name = "RUNTIME", value_enum, default_value = DEFAULT_RUNTIME, hide_short_help = true, display_order = 100)]
    pub runtime: RuntimeKind,
}
