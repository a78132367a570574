//! The servers that can be measured, and the command that starts each.

use std::{
    env,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{Result, process::Process, protocols::Dialect};

/// Passphrase of every room started here.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Kind {
    /// `cmdchat serve`
    Cmdchat,
    /// `cmdchat serve` with sealed links
    Sealed,
    /// `cmdchat serve --runtime blocking`
    Blocking,
    /// Baseline: plain sockets, same number of bytes
    Floor,
    /// redis-server
    Redis,
    /// nats-server
    Nats,
    /// Python reference peer
    Python,
}

/// Limits of the cmdchat server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limits {
    /// No limits.
    Off,
    /// Default limits for slow readers; none on members and rates.
    OfSlowReaders,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) dialect: Dialect,
}

impl Server {
    pub(crate) fn start(kind: Kind, limits: Limits) -> Result<Self> {
        match kind {
            Kind::Cmdchat => cmdchat("smol", limits, chat(PASSWORD)),
            Kind::Sealed => cmdchat("smol", limits, Dialect::Sealed(PASSWORD.to_owned())),
            Kind::Blocking => cmdchat("blocking", limits, chat(PASSWORD)),
            Kind::Floor => floor(),
            Kind::Redis => redis(),
            Kind::Nats => nats(),
            Kind::Python => python(),
        }
    }

    /// Returns a server of the cmdchat protocol that is already running on this machine.
    pub(crate) fn running(address: SocketAddr, pid: u32, password: &str) -> Result<Self> {
        if !address.ip().is_loopback() {
            return Err("only servers on this machine are measured".into());
        }
        Ok(Self { process: Process::running(pid), address, dialect: chat(password) })
    }
}

fn chat(password: &str) -> Dialect {
    Dialect::Chat(password.to_owned())
}

/// Returns the path of the `cmdchat` binary in the target directory. If cargo runs
/// this program, the binary is built first.
pub(crate) fn program() -> Result<PathBuf> {
    if let Some(cargo) = env::var_os("CARGO") {
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--release", "--package", "cmdchat"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .status()?;
        if !built.success() {
            return Err("cmdchat does not build".into());
        }
    }
    Ok(target()?.join("release/cmdchat"))
}

/// Returns cargo's target directory.
fn target() -> Result<PathBuf> {
    let here = env::current_exe()?;
    Ok(here.ancestors().nth(2).ok_or("not in a folder of cargo's")?.into())
}

fn cmdchat(runtime: &str, limits: Limits, dialect: Dialect) -> Result<Server> {
    let mut command = Command::new(program()?);
    command
        .args(["serve", "127.0.0.1", "0", "--password-stdin", "--quiet", "--runtime", runtime])
        .args(["--max-members=0", "--max-per-source=0", "--rate=0"])
        .args(["--max-logins=0", "--max-logins-per-source=0"]);
    if limits == Limits::Off {
        command.args(["--max-backlog=0", "--stall-timeout=0"]);
    }
    let mut process = Process::start(command.stderr(Stdio::piped()), &format!("{PASSWORD}\n"))?;
    let address = process.announcement(listening)?;
    Ok(Server { process, address, dialect })
}

fn listening(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("listening on ")?.split(' ').next()?.parse().ok()
}

/// Length of the JSON around a text in a line of the server, for a username of five
/// characters.
const ENVELOPE: usize = r#"{"type":"message","data":{"id":"","text":"","timestamp":"","user_ip":"","username":"m0000"}}"#
    .len()
    + "00000000-0000-4000-8000-000000000000".len()
    + "2026-11-23T15:18:51.554307+00:00".len();

fn floor() -> Result<Server> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("floor").arg(ENVELOPE.to_string()).stdout(Stdio::piped());
    let mut process = Process::start(&mut command, "")?;
    let address = process.announcement(listening)?;
    Ok(Server { process, address, dialect: Dialect::Lines })
}

fn redis() -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--maxclients", "15000"])
        .args(["--save", "", "--appendonly", "no"])
        .args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
    foreign(&mut command, port, Dialect::Redis)
}

fn nats() -> Result<Server> {
    let port = free_port()?;
    let mut command = Command::new("nats-server");
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    foreign(&mut command, port, Dialect::Nats)
}

fn foreign(command: &mut Command, port: u16, dialect: Dialect) -> Result<Server> {
    let process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()), "")?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for _ in 0..200 {
        if TcpStream::connect(address).is_ok() {
            return Ok(Server { process, address, dialect });
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err("the server does not listen".into())
}

/// Returns a free port. If another process takes it before it is used, the start fails.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn python() -> Result<Server> {
    let hex: String = PASSWORD.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new(target()?.join("python-peer/venv/bin/python"));
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/python/peer.py"))
        .args(["server", "--password-hex", &hex])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process::start(&mut command, "")?;
    let port: u16 = process.announcement(|line| {
        let (_, port) = line.split_once("\"port\":")?;
        port.trim_matches(|char: char| !char.is_ascii_digit()).parse().ok()
    })?;
    Ok(Server { process, address: ([127, 0, 0, 1], port).into(), dialect: chat(PASSWORD) })
}
