//! `cmdchat send`: sends one message and waits until the server has relayed it.

use std::{
    io::{self, Read as _},
    sync::{Arc, atomic::Ordering},
};

use cmdchat_core::{
    client::{ClientConfig, Event, Mode, SendError, SendId},
    secret::Password,
    username::Username,
    wire::MAX_TEXT,
};
use cmdchat_drivers::{client::SessionCommand, runtime::TcpRuntime};
use zeroize::Zeroizing;

use crate::{
    args::{ReexecArgs, SecurityArgs, SendArgs, TargetArgs},
    error::{Error, ExitStatus},
    secrets,
    session::{ChatSession, InputSource, SessionUpdate},
};
use crate::{
    commands::{
        epoch, internal, seed,
        shared::{
            login::{self, into_result, log_in},
            runtime::RuntimeTask,
        },
    },
    signals::interrupt_on_signals,
};

pub(super) fn run(mut command: SendArgs, again: &ReexecArgs) -> Result<ExitStatus, Error> {
    let password = secrets::password(command.take_secret(), again)?;
    let name = login::name(&command.way.username)?;
    let text = match command.text {
        Some(text) if text != "-" => Zeroizing::new(text),
        _ => input().map_err(|error| internal("cannot read standard input", &error))?,
    };
    if text.is_empty() {
        return Err(Error::nothing_to_send());
    }
    if text.len() > MAX_TEXT {
        return Err(Error::too_long());
    }
    let demands = command.demands;
    command.way.carriage.runtime.run(SendTask { way: &command.way, demands, name, password, text })
}

/// Reads standard input without one trailing line end. Reads at most `2 * MAX_TEXT`
/// bytes, which suffices to detect an overlong message.
fn input() -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    io::stdin().take(2 * MAX_TEXT as u64).read_to_end(&mut bytes)?;
    if bytes.pop_if(|last| *last == b'\n').is_some() {
        bytes.pop_if(|last| *last == b'\r');
    }
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

struct SendTask<'a> {
    way: &'a TargetArgs,
    demands: SecurityArgs,
    name: Username,
    password: Password,
    text: Zeroizing<String>,
}

impl RuntimeTask for SendTask<'_> {
    fn run<R: TcpRuntime>(self, runtime: &R) -> Result<ExitStatus, Error> {
        let (inside, signals) = interrupt_on_signals()?;
        let (_, nothing_typed) = async_channel::bounded(1);
        let seed = seed()?;
        runtime.block_on(async {
            let config = ClientConfig::new(self.name, self.password, epoch(runtime));
            let config = Arc::new(self.demands.of(config, Mode::Plaintext));
            let joined = log_in(runtime, self.way, config, &seed, Vec::new())
                .await
                .map_err(|failed| failed.error)?;
            inside.store(true, Ordering::Relaxed);

            let input = (InputSource::Pipe, nothing_typed);
            let patience = self.way.carriage.timeout;
            let mut session =
                ChatSession::new(runtime.clone(), joined, input, signals, patience, None);
            session.send(SessionCommand::Send(SendId(0), self.text));
            session.drain();
            loop {
                match session.next(None).await {
                    // Escaping markup for Python clients made the text longer.
                    SessionUpdate::Event(Event::SendFailed(_, SendError::TooLong)) => {
                        return Err(Error::too_long());
                    }
                    SessionUpdate::Event(_)
                    | SessionUpdate::Typed(_)
                    | SessionUpdate::Waiting(_)
                    | SessionUpdate::Trying
                    | SessionUpdate::Time => {}
                    SessionUpdate::Over(summary) => return into_result(self.way, summary),
                    SessionUpdate::Failed(error) => return Err(error),
                }
            }
        })
    }
}
