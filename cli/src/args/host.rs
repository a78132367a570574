//! `cmdchat host`.

use std::net::IpAddr;

use clap::Args;

use crate::args::looks::DisplayArgs;
use crate::args::values;
use crate::args::way::TransportArgs;

const EXAMPLES: &str = "\
Examples:
  cmdchat host                                host a room and join it
  cmdchat host --name zoe --port 4000
  cmdchat host --classic                      admit Python clients too
  cmdchat host --headless                     run the room without joining it

It generates the invite code and prints what to send your friends. /invite
shows it again, /invite qr as a QR code. The room closes when you leave.";

/// Host a room and join it
#[derive(Args, Debug)]
#[command(before_long_help = EXAMPLES)]
pub struct HostArgs {
    /// Your username (default: your login name)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Address to listen on (default: all addresses)
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    pub bind: Option<IpAddr>,

    /// Port to listen on (default: 3000, else a free one)
    #[arg(long, value_name = "PORT", value_parser = values::port_or_any)]
    pub port: Option<u16>,

    /// Number of words in the code, 3 to 32
    ///
    /// The default is 3 for a strict room and 7 for a classic room, where a
    /// shorter code could be guessed from recorded traffic.
    #[arg(long, value_name = "N", value_parser = values::words)]
    pub words: Option<usize>,

    /// Admit clients of the Python program too
    #[arg(long)]
    pub classic: bool,

    /// Maximum number of members
    #[arg(long, value_name = "N", default_value = "64", value_parser = values::at_least_one)]
    pub max_members: usize,

    /// Run the room without joining; log joins and leaves
    #[arg(long)]
    pub headless: bool,

    /// Show the invite as a QR code too
    #[arg(long, conflicts_with = "json")]
    pub qr: bool,

    #[command(flatten)]
    pub looks: DisplayArgs,

    #[command(flatten)]
    pub carriage: TransportArgs,
}
