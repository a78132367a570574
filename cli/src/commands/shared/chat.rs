//! The chat session of `connect`, `join` and `host`, with its frontend.

use std::{
    cell::Cell,
    io::{self, IsTerminal as _},
    sync::{Arc, atomic::Ordering},
};

use cmdchat_core::{
    client::{ClientConfig, Mode},
    secret::Password,
    username::Username,
};
use cmdchat_drivers::{
    client::reconnect::{ConnectFuture, Reconnect},
    runtime::TcpRuntime,
};
use jiff::tz::TimeZone;

use crate::{
    args::{DisplayArgs, SecurityArgs, TargetArgs},
    error::{Error, ExitStatus, host_port},
    json::{JsonFrontend, JsonWriter},
    secrets,
    session::{ChatSession, InputSource, input},
    ui::{StartupNotices, app::App, model::Model, terminal::Terminal},
};
use crate::{
    commands::{
        epoch, internal, seed,
        shared::{
            login::{into_result, log_in, reprompt_username},
            runtime::RuntimeTask,
        },
        stdout_failed,
    },
    signals::interrupt_on_signals,
};

/// Runs `task`. With `json`, also writes its outcome as a JSON object.
pub(in crate::commands) fn with_json_output(
    json: bool,
    task: impl FnOnce(Option<&mut JsonWriter>) -> Result<ExitStatus, Error>,
) -> Result<ExitStatus, Error> {
    if !json {
        return task(None);
    }
    let mut out = match JsonWriter::open() {
        Ok(out) => out,
        Err(error) => return stdout_failed(&error),
    };
    let outcome = task(Some(&mut out));
    out.close(&outcome);
    outcome
}

/// Runs one chat session, including login and reconnects.
pub(in crate::commands) struct ChatTask<'a> {
    pub(in crate::commands) way: &'a TargetArgs,
    pub(in crate::commands) looks: &'a DisplayArgs,
    pub(in crate::commands) demands: SecurityArgs,
    /// The minimum mode without `--require`.
    pub(in crate::commands) lowest: Mode,
    pub(in crate::commands) name: Username,
    pub(in crate::commands) password: Password,
    pub(in crate::commands) notices: StartupNotices,
    /// The JSON output, with `--json`.
    pub(in crate::commands) json: Option<&'a mut JsonWriter>,
}

/// The frontend of the session.
enum Frontend<'a> {
    Person(Terminal),
    Program(&'a mut JsonWriter),
}

/// Returns whether the input is a terminal and the user can be prompted.
fn is_interactive() -> bool {
    io::stdin().is_terminal() && secrets::can_ask()
}

impl RuntimeTask for ChatTask<'_> {
    fn run<R: TcpRuntime>(self, runtime: &R) -> Result<ExitStatus, Error> {
        runtime.block_on(self.run_chat(runtime))
    }
}

impl ChatTask<'_> {
    /// Logs in, runs the frontend until the session ends, and returns the result.
    pub(in crate::commands) async fn run_chat<R: TcpRuntime>(
        mut self,
        runtime: &R,
    ) -> Result<ExitStatus, Error> {
        let way = self.way;
        let (typing, typed) = async_channel::bounded(16);
        let (inside, signals) = interrupt_on_signals()?;
        let seed = seed()?;
        if let Some(out) = &mut self.json
            && let Err(error) = out.connecting(way.host.as_str(), way.port)
        {
            return stdout_failed(&error);
        }
        let config = ClientConfig::new(self.name, self.password, epoch(runtime));
        let mut config = Arc::new(self.demands.of(config, self.lowest));
        let logins = Cell::new(0);
        let enter = async |config: &Arc<ClientConfig>, unconfirmed| {
            let login = seed.fork("login", logins.replace(logins.get() + 1));
            log_in(runtime, way, Arc::clone(config), &login, unconfirmed).await
        };
        let joined = loop {
            let error = match enter(&config, Vec::new()).await {
                Ok(joined) => break joined,
                Err(error) => error.error,
            };
            if error.exit != ExitStatus::Name || self.json.is_some() || !is_interactive() {
                return Err(error);
            }
            // A signal now ends the prompt, which restores the terminal.
            inside.store(true, Ordering::Relaxed);
            config = Arc::new(config.with_username(reprompt_username(error)?));
            inside.store(false, Ordering::Relaxed);
        };
        inside.store(true, Ordering::Relaxed);
        // After the login, because the estimate takes a moment.
        self.notices.weak_passphrase = secrets::is_weak(config.password());

        let patience = self.looks.reconnect_for(self.json.is_some());
        let reconnect = (!patience.is_zero()).then(|| {
            let dial =
                |unconfirmed| Box::pin(enter(&config, unconfirmed)) as ConnectFuture<'_, Error>;
            Reconnect::new(patience, seed.fork("waits", 0), dial)
        });
        let audience = match self.json {
            Some(out) => Frontend::Program(out),
            None => Frontend::Person(Terminal::enter(self.looks.plain)?),
        };
        let source = match &audience {
            Frontend::Program(_) => InputSource::Pipe,
            Frontend::Person(terminal) => terminal.source(),
        };
        input::spawn_reader(source, typing)
            .map_err(|error| internal("cannot start a thread", &error))?;
        let (runtime, timeout) = (runtime.clone(), way.carriage.timeout);
        let session =
            ChatSession::new(runtime.clone(), joined, (source, typed), signals, timeout, reconnect);
        let summary = match audience {
            Frontend::Program(out) => {
                JsonFrontend::new(runtime, out, config.name().clone(), session, self.notices)
                    .run()
                    .await
            }
            Frontend::Person(terminal) => {
                let (settings, look) = self.looks.resolve();
                let (address, name) =
                    (host_port(way.host.as_str(), way.port), config.name().clone());
                let model =
                    Model::new(address, name, TimeZone::system(), settings).notices(self.notices);
                let unlocks = |typed: &Password| secrets::is_password(typed, config.password());
                App::new(runtime, model, look, terminal, session, unlocks).run().await
            }
        }?;
        into_result(way, summary)
    }
}
