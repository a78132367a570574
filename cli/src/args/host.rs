//! `cmdchat host`.

use std::net::IpAddr;

use clap::Args;

use crate::args::looks::DisplayArgs;
use crate::args::values;
use crate::args::way::TransportArgs;

const EXAMPLES: &str = "\
Examples:
  cmdchat host                                open a room and sit in it
  cmdchat host --name zoe --port 4000
  cmdchat host --classic                      with Python friends
  cmdchat host --headless                     without a seat of your own

It makes the code and says what to tell your friends; /invite says it again,
/invite qr draws it. The room closes when you leave.";

/// Open a room for friends, and sit in it.
#[derive(Args, Debug)]
#[command(before_long_help = EXAMPLES)]
pub struct HostArgs {
    /// How the others see you; without it your login name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Address to listen at; without it all of them
    #[arg(long, value_name = "ADDR", value_parser = values::address)]
    pub bind: Option<IpAddr>,

    /// Port to listen at; without it 3000, or a free one
    #[arg(long, value_name = "PORT", value_parser = values::port_or_any)]
    pub port: Option<u16>,

    /// How many words the code has, 3 to 32
    ///
    /// Three without it, and seven for a classic room, where fewer could be
    /// guessed by someone who records the traffic.
    #[arg(long, value_name = "N", value_parser = values::words)]
    pub words: Option<usize>,

    /// Let in clients of the Python program too
    #[arg(long)]
    pub classic: bool,

    /// Members at a time
    #[arg(long, value_name = "N", default_value = "64", value_parser = values::at_least_one)]
    pub max_members: usize,

    /// Only keep the room, and say who comes and goes
    #[arg(long)]
    pub headless: bool,

    /// Draw the line for friends as a QR code too
    #[arg(long, conflicts_with = "json")]
    pub qr: bool,

    #[command(flatten)]
    pub looks: DisplayArgs,

    #[command(flatten)]
    pub carriage: TransportArgs,
}
