//! `cmdchat serve`.

use std::mem;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::args::secret::{SecretArg, SecretArgs, SecretSource, argument};
use crate::args::values::{self, Limit};
use crate::args::{DEFAULT_RUNTIME, RuntimeKind};

const EXAMPLES: &str = "\
Examples:
  cmdchat serve 0.0.0.0 3000                        asks for the password
  cmdchat serve :: 3000 --password-file key         IPv6, mostly with IPv4
  cmdchat serve 0.0.0.0 3000 --strict --generate    a passphrase of three words
  cmdchat serve 127.0.0.1 0 --history 0             any free port, nothing kept

The room lives in memory only; Ctrl+C closes it.";

/// Open a room that others connect to.
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat serve [OPTIONS] ADDR PORT",
    before_long_help = EXAMPLES,
    after_help = "All limits, with what 0 means: cmdchat serve --help",
    after_long_help = ""
)]
pub struct ServeArgs {
    /// Address to listen at; 0.0.0.0 for all
    ///
    /// 127.0.0.1 or localhost is for this machine only. IPv6 as ::1, brackets or not.
    #[arg(value_name = "ADDR", value_parser = values::address)]
    pub address: IpAddr,

    /// Port to listen at; 0 for a free one
    #[arg(value_name = "PORT", value_parser = values::port_or_any, allow_negative_numbers = true)]
    pub port: u16,

    /// Better left out: you are asked for it
    ///
    /// On Unix a password given here is
    /// taken off the process list at once, but your shell may keep it in its
    /// history.
    #[arg(short, long, value_name = "P", value_parser = argument(), group = "secret")]
    password: Option<SecretArg>,

    #[command(flatten)]
    secret: SecretArgs,

    /// Make it of random words, and print it
    #[arg(long, group = "secret", hide_short_help = true)]
    pub generate: bool,

    #[command(flatten)]
    verifier: VerifierSourceArgs,

    /// Do not report joins and leaves
    #[arg(long, hide_short_help = true)]
    pub quiet: bool,

    /// Open a strict room: sealed links only
    ///
    /// No recording of it helps to guess its password. Clients of protocol 1,
    /// the Python program's among them, stay outside.
    #[arg(long, conflicts_with = "protocol")]
    pub strict: bool,

    /// Offer no more than this protocol: 1 or 2
    ///
    /// With 1 no link is sealed.
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u8).range(1..=2), hide_short_help = true)]
    pub protocol: u8,

    /// Ignore `clear` from members
    ///
    /// Without it every member can make the room forget its messages.
    #[arg(long, hide_short_help = true)]
    pub no_remote_wipe: bool,

    /// What carries the connections
    #[arg(long, value_name = "RUNTIME", value_enum, default_value = DEFAULT_RUNTIME, hide_short_help = true)]
    pub runtime: RuntimeKind,

    #[command(flatten)]
    pub limits: LimitArgs,
}

impl ServeArgs {
    /// Where the password is to come from; to be asked once.
    pub fn take_secret(&mut self) -> SecretSource {
        mem::take(&mut self.secret).source(self.password.take())
    }

    /// Where the verifier is to come from, if there is one.
    pub fn take_verifier(&mut self) -> Option<SecretSource> {
        let VerifierSourceArgs { verifier_file, verifier_stdin, verifier_fd } =
            mem::take(&mut self.verifier);
        let stdin = verifier_stdin.then_some(SecretSource::Stdin);
        verifier_file.map(SecretSource::File).or(verifier_fd.map(SecretSource::Fd)).or(stdin)
    }
}

/// The ways to give a verifier instead of the password: one at most, and none
/// of the other options that say what room it is.
#[derive(Args, Debug, Default)]
struct VerifierSourceArgs {
    /// Be a blind relay; see cmdchat verifier
    ///
    /// The file holds what that printed. This machine then never sees the
    /// password.
    #[arg(long, value_name = "PATH", group = "secret", conflicts_with_all = ROOM)]
    verifier_file: Option<PathBuf>,

    /// The same from the first line of standard input
    #[arg(long, group = "secret", conflicts_with_all = ROOM, hide_short_help = true)]
    verifier_stdin: bool,

    /// The same from file descriptor N
    #[arg(long, value_name = "N", group = "secret", conflicts_with_all = ROOM, hide_short_help = true)]
    verifier_fd: Option<u32>,
}

/// What a verifier says already.
const ROOM: [&str; 2] = ["strict", "protocol"];

/// What one member, or everybody together, may use.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Members at a time (0: no limit)
    #[arg(long, value_name = "N", default_value = "128", value_parser = values::limit)]
    pub max_members: Limit<usize>,

    /// Members at a time from one IPv4 address or IPv6 /64 network (0: no limit)
    #[arg(long, value_name = "N", default_value = "16", value_parser = values::limit, hide_short_help = true)]
    pub max_per_source: Limit<usize>,

    /// Messages kept for newcomers (0: none)
    #[arg(long, value_name = "N", default_value = "1000", value_parser = values::count)]
    pub history: usize,

    /// Size of all messages kept (0: none)
    ///
    /// 1048576, 1024k and 1M are the same size.
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = values::size, hide_short_help = true)]
    pub history_bytes: usize,

    /// Messages a second from each (0: no limit)
    ///
    /// Who writes faster is read
    /// more slowly; no message is lost.
    #[arg(long, value_name = "N", default_value = "20", value_parser = values::limit)]
    pub rate: Limit<usize>,

    /// Messages a member may send at once before --rate counts
    #[arg(long, value_name = "N", default_value = "60", value_parser = values::at_least_one, hide_short_help = true)]
    pub burst: usize,

    /// Time from connecting to being in the room (0: no limit)
    ///
    /// 30, 30s, 5m and 500ms are times.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::limit_duration, hide_short_help = true)]
    pub login_timeout: Limit<Duration>,

    /// Logins at a time (0: no limit)
    #[arg(long, value_name = "N", default_value = "64", value_parser = values::limit, hide_short_help = true)]
    pub max_logins: Limit<usize>,

    /// Logins at a time from one address (0: no limit)
    #[arg(long, value_name = "N", default_value = "8", value_parser = values::limit, hide_short_help = true)]
    pub max_logins_per_source: Limit<usize>,

    /// Unsent bytes per member (0: no limit)
    ///
    /// Who falls further behind is
    /// dropped; the others do not wait.
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = values::limit_size, hide_short_help = true)]
    pub max_backlog: Limit<usize>,

    /// Time a member may take nothing at all (0: no limit)
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::limit_duration, hide_short_help = true)]
    pub stall_timeout: Limit<Duration>,

    /// Count this machine as one address too
    ///
    /// Without it the limits per address and the waits after a wrong password
    /// leave loopback alone.
    #[arg(long, hide_short_help = true)]
    pub limit_loopback: bool,
}
