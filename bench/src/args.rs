//! The command line.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum as _};

use crate::{
    Result, baseline,
    measure::fan_out::{self, Load},
    process,
    report::{Part, Plan},
    room::Room,
    server::{Kind, Limits, PASSWORD, Server},
};

/// Measure the cost of a room on this machine
#[derive(Debug, Parser)]
#[command(name = "cmdchat-bench")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure every figure that has a target
    Table {
        /// Number of runs to take the median of
        #[arg(long, default_value_t = 5)]
        runs: usize,
        /// Parts to measure
        #[arg(long = "part", value_enum, default_values = ["fan-out", "logins", "refusals", "idle", "manners", "start"])]
        parts: Vec<Part>,
        /// Other servers to compare with, where installed
        #[arg(long = "other", value_enum, default_values = ["redis", "nats", "python"])]
        others: Vec<Kind>,
    },
    /// Run every measurement briefly, as a check
    Smoke,
    /// Measure message fan-out and print each run
    FanOut {
        #[command(flatten)]
        which: Which,
        #[arg(long, default_value_t = 1000)]
        members: usize,
        #[command(flatten)]
        load: Load,
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Run the baseline server until standard input ends
    #[command(hide = true)]
    Floor { envelope: usize },
}

/// Servers to measure.
#[derive(Args, Debug)]
struct Which {
    /// Servers to start
    #[arg(long = "server", value_enum, default_values = ["floor", "cmdchat"])]
    servers: Vec<Kind>,
    /// Running server to measure instead (requires --pid)
    #[arg(long, requires = "pid")]
    address: Option<SocketAddr>,
    /// Process ID of the running server
    #[arg(long)]
    pid: Option<u32>,
    /// Passphrase of the running server
    #[arg(long, default_value = PASSWORD)]
    password: String,
}

impl Which {
    fn start(&self) -> Result<Vec<(String, Server)>> {
        if let Some((address, pid)) = self.address.zip(self.pid) {
            let server = Server::running(address, pid, &self.password)?;
            return Ok(vec![(address.to_string(), server)]);
        }
        let start = |&kind| Ok((format!("{kind:?}"), Server::start(kind, Limits::Off)?));
        self.servers.iter().map(start).collect()
    }
}

impl Cli {
    pub(crate) fn run(self) -> Result<()> {
        if let Command::Floor { envelope } = self.command {
            return baseline::run(envelope);
        }
        process::leave_to_the_server()?;
        match self.command {
            Command::Floor { .. } => Ok(()),
            Command::Table { runs, parts, others } => {
                let (time, members) = (Duration::from_secs(1), 5_000);
                Plan { runs, parts, others, time, members }.print()
            }
            Command::Smoke => {
                let parts = Part::value_variants().to_vec();
                let time = Duration::from_millis(100);
                Plan { runs: 1, parts, others: Vec::new(), time, members: 100 }.print()
            }
            Command::FanOut { which, members, load, runs } => {
                let rooms = which.start()?.into_iter().map(|(name, server)| {
                    let mut room = Room::new(server)?;
                    room.fill(members)?;
                    Ok((name, room))
                });
                alternate(rooms.collect::<Result<_>>()?, load, runs)
            }
        }
    }
}

fn alternate(mut rooms: Vec<(String, Room)>, load: Load, runs: usize) -> Result<()> {
    for _ in 0..runs {
        for (name, room) in &mut rooms {
            let heard = fan_out::run(room, load).map_err(|error| format!("{name}: {error}"))?;
            println!(
                "{name:9} {:.3} µs  {} messages of {:.0} bytes, {:.2?} of processor in {:.2?}",
                heard.cost(),
                heard.messages,
                heard.message_size,
                heard.cpu,
                heard.wall,
            );
        }
    }
    Ok(())
}
