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
  cmdchat serve 0.0.0.0 3000                        prompts for the passphrase
  cmdchat serve :: 3000 --password-file key         IPv6, mostly with IPv4
  cmdchat serve 0.0.0.0 3000 --strict --generate    a passphrase of three words
  cmdchat serve 127.0.0.1 0 --history 0             any free port, no history

The room lives in memory only; Ctrl+C closes it.";

/// Run a room for others to join
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat serve [OPTIONS] ADDR PORT",
    before_long_help = EXAMPLES,
    after_help = "For all limits, run: cmdchat serve --help",
    after_long_help = ""
)]
pub struct ServeArgs {
    /// Address to listen on (0.0.0.0: all)
    ///
    /// Use 127.0.0.1 or localhost for this machine only. Brackets around an
    /// IPv6 address are optional.
    #[arg(value_name = "ADDR", value_parser = values::address)]
    pub address: IpAddr,

    /// Port to listen on (0: any free port)
    #[arg(value_name = "PORT", value_parser = values::port_or_any, allow_negative_numbers = true)]
    pub port: u16,

    /// Passphrase (omit it to be prompted)
    ///
    /// On Unix a passphrase given here is removed from the process list at
    /// once, but your shell may keep it in its history.
    #[arg(short, long, value_name = "P", value_parser = argument(), group = "secret")]
    password: Option<SecretArg>,

    #[command(flatten)]
    secret: SecretArgs,

    /// Generate a passphrase of random words and print it
    #[arg(long, group = "secret", hide_short_help = true)]
    pub generate: bool,

    #[command(flatten)]
    verifier: VerifierSourceArgs,

    /// Do not log joins and leaves
    #[arg(long, hide_short_help = true)]
    pub quiet: bool,

    /// Run a strict room: sealed links only
    ///
    /// Recorded traffic of a strict room does not help to guess its passphrase.
    /// Protocol 1 clients, such as the Python program, cannot join it.
    #[arg(long, conflicts_with = "protocol")]
    pub strict: bool,

    /// Highest protocol version to offer: 1 or 2
    ///
    /// With 1, no link is sealed.
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u8).range(1..=2), hide_short_help = true)]
    pub protocol: u8,

    /// Ignore `clear` from members
    ///
    /// Without this option, every member can clear the history for all members.
    #[arg(long, hide_short_help = true)]
    pub no_remote_wipe: bool,

    /// I/O runtime: smol (async) or blocking (threads)
    #[arg(long, value_name = "RUNTIME", value_enum, default_value = DEFAULT_RUNTIME, hide_short_help = true)]
    pub runtime: RuntimeKind,

    #[command(flatten)]
    pub limits: LimitArgs,
}

impl ServeArgs {
    /// Takes the passphrase source out of the arguments; call it once.
    pub fn take_secret(&mut self) -> SecretSource {
        mem::take(&mut self.secret).source(self.password.take())
    }

    /// Takes the verifier source, if there is one, out of the arguments.
    pub fn take_verifier(&mut self) -> Option<SecretSource> {
        let VerifierSourceArgs { verifier_file, verifier_stdin, verifier_fd } =
            mem::take(&mut self.verifier);
        let stdin = verifier_stdin.then_some(SecretSource::Stdin);
        verifier_file.map(SecretSource::File).or(verifier_fd.map(SecretSource::Fd)).or(stdin)
    }
}

/// Options that name a verifier source, used instead of the passphrase. At most
/// one is allowed, and none with the options in [`ROOM`].
#[derive(Args, Debug, Default)]
struct VerifierSourceArgs {
    /// Run without the passphrase, from a verifier file
    ///
    /// The file holds the output of cmdchat verifier. This machine then never
    /// sees the passphrase.
    #[arg(long, value_name = "PATH", group = "secret", conflicts_with_all = ROOM)]
    verifier_file: Option<PathBuf>,

    /// Read the verifier from the first line of standard input
    #[arg(long, group = "secret", conflicts_with_all = ROOM, hide_short_help = true)]
    verifier_stdin: bool,

    /// Read the verifier from file descriptor N
    #[arg(long, value_name = "N", group = "secret", conflicts_with_all = ROOM, hide_short_help = true)]
    verifier_fd: Option<u32>,
}

/// Options that the verifier already determines.
const ROOM: [&str; 2] = ["strict", "protocol"];

/// Resource limits per member, per source and for the whole room.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Maximum number of members (0: no limit)
    #[arg(long, value_name = "N", default_value = "128", value_parser = values::limit)]
    pub max_members: Limit<usize>,

    /// Members per IPv4 address or IPv6 /64 network (0: no limit)
    #[arg(long, value_name = "N", default_value = "16", value_parser = values::limit, hide_short_help = true)]
    pub max_per_source: Limit<usize>,

    /// Messages kept for new members (0: none)
    #[arg(long, value_name = "N", default_value = "1000", value_parser = values::count)]
    pub history: usize,

    /// Total size of the messages kept (0: none)
    ///
    /// 1048576, 1024k and 1M are the same size.
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = values::size, hide_short_help = true)]
    pub history_bytes: usize,

    /// Messages per second, each (0: no limit)
    ///
    /// A member that sends faster is read more slowly; no message is lost.
    #[arg(long, value_name = "N", default_value = "20", value_parser = values::limit)]
    pub rate: Limit<usize>,

    /// Messages a member may send before --rate applies
    #[arg(long, value_name = "N", default_value = "60", value_parser = values::at_least_one, hide_short_help = true)]
    pub burst: usize,

    /// Maximum time from connecting to joining (0: no limit)
    ///
    /// Examples of times: 30, 30s, 5m, 500ms.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::limit_duration, hide_short_help = true)]
    pub login_timeout: Limit<Duration>,

    /// Maximum concurrent logins (0: no limit)
    #[arg(long, value_name = "N", default_value = "64", value_parser = values::limit, hide_short_help = true)]
    pub max_logins: Limit<usize>,

    /// Maximum concurrent logins per address (0: no limit)
    #[arg(long, value_name = "N", default_value = "8", value_parser = values::limit, hide_short_help = true)]
    pub max_logins_per_source: Limit<usize>,

    /// Maximum unsent bytes per member (0: no limit)
    ///
    /// A member that falls further behind is dropped; the others do not wait.
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = values::limit_size, hide_short_help = true)]
    pub max_backlog: Limit<usize>,

    /// Drop a member that reads nothing for this long (0: never)
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::limit_duration, hide_short_help = true)]
    pub stall_timeout: Limit<Duration>,

    /// Apply per-address limits to loopback too
    ///
    /// Without this option, the limits per address and the penalties for a wrong
    /// passphrase do not apply to loopback.
    #[arg(long, hide_short_help = true)]
    pub limit_loopback: bool,
}
