//! Target room and transport options.

use std::time::Duration;

use clap::Args;

use crate::args::values::{self, Host};
use crate::args::{DEFAULT_RUNTIME, RuntimeKind};

/// Address of the room and username in it.
#[derive(Args, Debug)]
pub struct TargetArgs {
    /// Name or address of the server
    #[arg(value_name = "HOST", value_parser = values::host)]
    pub host: Host,

    /// Port of the server
    #[arg(value_name = "PORT", value_parser = values::port, allow_negative_numbers = true)]
    pub port: u16,

    /// Your username in the room, 1 to 32 characters
    #[arg(value_name = "USERNAME")]
    pub username: String,

    #[command(flatten)]
    pub carriage: TransportArgs,
}

/// Transport options of a connection.
#[derive(Args, Clone, Copy, Debug)]
pub struct TransportArgs {
    /// Longest wait for the server
    ///
    /// It applies to connecting and, at the end of input, to the echo of the
    /// last messages. Examples of times: 30, 30s, 5m, 500ms.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::duration, display_order = 100)]
    pub timeout: Duration,

    /// I/O runtime: smol (async) or blocking (threads)
    #[arg(long, value_name = "RUNTIME", value_enum, default_value = DEFAULT_RUNTIME, hide_short_help = true, display_order = 100)]
    pub runtime: RuntimeKind,
}
