//! `cmdchat serve`: runs a room for others to join.

use crate::safe;
use std::{io, net::SocketAddr, num::NonZero, process, thread, time::Duration};

use async_channel::Receiver;
use cmdchat_core::{
    room_kind::RoomKind,
    seed::Seed,
    server::{self, Credentials, Rate},
};
use cmdchat_drivers::{runtime::TcpRuntime, runtime::tcp, server::ServerConfig};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::commands::{
    epoch, internal, print, seed,
    shared::{
        credentials::ServerMode,
        runtime::RuntimeTask,
        server::{listening, run_server},
    },
};
use crate::{
    args::{ReexecArgs, ServeArgs},
    error::{Error, ExitStatus},
    invite::word_code::{CLASSIC_WORDS, STRICT_WORDS, WordCode},
    secrets,
};

pub(super) fn run(mut command: ServeArgs, again: &ReexecArgs) -> Result<ExitStatus, Error> {
    let seed = seed()?;
    let (credentials, blind) = match command.take_verifier() {
        Some(source) => (secrets::verifier(source, again)?, true),
        // The server runs for long and keeps only the credentials, not the passphrase.
        None => (from_password(&mut command, again, &seed)?, false),
    };
    let stop = stop_on_signals()?;
    let relay = ServeTask { command: &command, credentials, blind, seed, stop };
    command.runtime.run(relay)
}

fn from_password(
    command: &mut ServeArgs,
    again: &ReexecArgs,
    seed: &Seed,
) -> Result<Credentials, Error> {
    let kind = match (command.strict, command.protocol) {
        (true, _) => ServerMode::Strict,
        (false, 1) => ServerMode::Protocol1,
        (false, _) => ServerMode::Classic,
    };
    let password = if command.generate {
        let code =
            WordCode::generate(if command.strict { STRICT_WORDS } else { CLASSIC_WORDS }, seed);
        print(safe![code.shown(), "\n"].as_str().as_bytes())?;
        code.password()
    } else {
        let password = secrets::password(command.take_secret(), again)?;
        kind.judge(&password);
        password
    };
    kind.credentials(&password, seed)
}

struct ServeTask<'a> {
    command: &'a ServeArgs,
    credentials: Credentials,
    /// The server runs from a verifier, without the passphrase.
    blind: bool,
    seed: Seed,
    stop: Receiver<()>,
}

impl RuntimeTask for ServeTask<'_> {
    fn run<R: TcpRuntime>(self, runtime: &R) -> Result<ExitStatus, Error> {
        let wanted = SocketAddr::new(self.command.address, self.command.port);
        let failed = |error: &io::Error| Error::from_listen(wanted, error);
        let socket = tcp::listen(wanted).map_err(|error| failed(&error))?;
        let address = socket.local_addr().map_err(|error| failed(&error))?;
        let listener = runtime.listen(socket).map_err(|error| failed(&error))?;

        let strict = self.credentials.room_kind() == RoomKind::Strict;
        let server = ServerConfig {
            credentials: self.credentials,
            limits: limits(self.command),
            epoch: epoch(runtime),
            seed: self.seed,
        };
        let blind = safe!["blind relay: this machine never sees the passphrase"];
        let notices = self.blind.then_some(blind).into_iter().chain([listening(address, strict)]);
        run_server(runtime, listener, server, notices.collect(), self.command.quiet, self.stop)
    }
}

/// Closes the returned channel at the first termination signal. The second ends the
/// program at once.
pub(super) fn stop_on_signals() -> Result<Receiver<()>, Error> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| internal("cannot listen to signals", &error))?;
    let (stop, stopped) = async_channel::bounded(1);
    let wait = move || {
        let mut signals = signals.forever();
        signals.next();
        stop.close();
        signals.next();
        process::exit(ExitStatus::Interrupted as i32);
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map_err(|error| internal("cannot start a thread", &error))?;
    Ok(stopped)
}

fn limits(command: &ServeArgs) -> server::Limits {
    let given = &command.limits;
    let rate = |per_second: usize| Rate {
        burst: u32::try_from(given.burst).unwrap_or(u32::MAX),
        interval: Duration::from_secs(1) / u32::try_from(per_second).unwrap_or(u32::MAX),
    };
    server::Limits {
        login_timeout: given.login_timeout.or_max(),
        max_logins: given.max_logins.0,
        max_logins_per_source: given.max_logins_per_source.0,
        max_concurrent_srp: thread::available_parallelism().map_or(1, NonZero::get),
        max_members: given.max_members.0,
        max_members_per_source: given.max_per_source.0,
        message_rate: given.rate.0.map(rate),
        allow_clear: !command.no_remote_wipe,
        max_history: Some(given.history),
        max_history_bytes: Some(given.history_bytes),
        max_backlog: given.max_backlog.0.map(|bytes| bytes as u64),
        stall_timeout: given.stall_timeout.0,
        limit_loopback: given.limit_loopback,
        ..server::Limits::default()
    }
}
