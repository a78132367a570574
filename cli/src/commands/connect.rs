//! `cmdchat connect`: finding the host, logging in, and the room.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use async_channel::Receiver;
use cmdchat_core::{
    client::{Ending, Guest, Login, LoginFailed, MAX_LINE},
    name::{BadName, Name},
    secret::Password,
    violation::ErrorText,
};
use cmdchat_drivers::{
    connect,
    contract::{Connection, Sockets},
    tcp,
};
use futures_lite::future;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{epoch, internal, seed};
use crate::{
    args::{Again, Connect, Runtime},
    exit::{Exit, Failure},
    secrets,
    text::Shown,
    view::{
        chat::{Chat, Parting},
        keyboard,
    },
};

/// How long a host may take to let us in: as long as it gives us.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn run(mut command: Connect, again: &Again) -> Result<Exit, Failure> {
    let password = secrets::password(command.take_secret(), again)?;
    let name = name(&command.username)?;
    match command.runtime {
        #[cfg(feature = "smol")]
        Runtime::Smol => on(&cmdchat_drivers::smol::Smol::new(), &command, name, password),
        #[cfg(feature = "blocking")]
        Runtime::Blocking => {
            on(&cmdchat_drivers::blocking::Blocking::new(), &command, name, password)
        }
    }
}

fn on<R: Sockets>(
    runtime: &R,
    command: &Connect,
    name: Name,
    password: Password,
) -> Result<Exit, Failure> {
    let (typing, typed) = async_channel::bounded(16);
    let (inside, signals) = interrupt_on_signals()?;
    let seed = seed()?;
    runtime.run(async {
        let connection = reach(runtime, command).await?;
        let guest = Arc::new(Guest::new(name.clone(), password, epoch(runtime.now())));
        let login = Login::new(guest, runtime.now(), LOGIN_TIMEOUT, &seed);
        let joined = connect::connect(runtime, connection, login)
            .await
            .map_err(|failed| not_let_in(command, &name, failed.why))?;
        inside.store(true, Ordering::Relaxed);

        let chat = Chat::open(joined, command.timeout)?;
        keyboard::listen(chat.is_live(), typing)
            .map_err(|error| internal("cannot start a thread", &error))?;
        let parting = chat.run(&signals, &typed).await;
        parted(command, parting)
    })
}

/// Ctrl+C and its like: before the room the program just ends, in it (once the
/// flag is set) the person leaves, and hears of it on a channel of its own,
/// since the other may be full.
fn interrupt_on_signals() -> Result<(Arc<AtomicBool>, Receiver<()>), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| internal("cannot listen to signals", &error))?;
    let (asking, asked) = async_channel::bounded(1);
    let inside = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&inside);
    let wait = move || {
        for _ in signals.forever() {
            if !seen.load(Ordering::Relaxed) || asking.is_closed() {
                process::exit(Exit::Interrupted as i32);
            }
            let _ = asking.try_send(()); // one that waits already is enough
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map_err(|error| internal("cannot start a thread", &error))?;
    Ok((inside, asked))
}

/// A connection to the host, within the time given for it.
async fn reach<R: Sockets>(runtime: &R, command: &Connect) -> Result<Connection<R>, Failure> {
    let (host, port, timeout) = (command.host.as_str(), command.port, command.timeout);
    let deadline = runtime.now().after(timeout);
    let wanted = host.to_owned();
    let resolved = runtime.compute(move || tcp::resolve(&wanted, port));
    let late = async {
        runtime.sleep_until(deadline).await;
        Err(std::io::ErrorKind::TimedOut.into())
    };
    let failed = |error: &std::io::Error| Failure::from_dial(host, port, timeout, error);
    let addresses = future::or(resolved, late).await.map_err(|error| failed(&error))?;
    runtime.dial(&addresses, deadline).await.map_err(|error| failed(&error))
}

fn name(text: &str) -> Result<Name, Failure> {
    let refused = |why| Failure::name_not_allowed(text, why);
    // A server takes spaces inside; a name with none cannot be mistaken for two.
    if text.contains(' ') {
        return Err(refused("no spaces"));
    }
    Name::new(text).map_err(|bad| {
        refused(match bad {
            BadName::Empty => "it is empty",
            BadName::TooLong => "too long",
            BadName::EdgeSpace => "no spaces",
            BadName::Forbidden('[') => "no [",
            BadName::Forbidden(_) => "no invisible characters",
        })
    })
}

fn not_let_in(command: &Connect, name: &Name, failed: LoginFailed) -> Failure {
    let (host, port) = (command.host.as_str(), command.port);
    match failed {
        LoginFailed::Refused { known: Some(error), text } => match error {
            ErrorText::AuthenticationFailed => Failure::wrong_passphrase(host, port),
            ErrorText::UsernameTaken => Failure::name_taken(name.as_str()),
            ErrorText::InvalidUsername => {
                Failure::name_not_allowed(name.as_str(), "the host does not take it")
            }
            ErrorText::RoomFull => Failure::room_full(),
            ErrorText::TryAgainLater => Failure::try_later(host, port),
            ErrorText::InvalidJson
            | ErrorText::ExpectedSrpInit
            | ErrorText::MissingA
            | ErrorText::SrpInitFailed
            | ErrorText::ExpectedSrpVerify
            | ErrorText::InvalidVerifyRequest
            | ErrorText::Protocol2Required => Failure::no_common_protocol(host, port, &text),
        },
        LoginFailed::Refused { known: None, text } => Failure::refused_with(host, port, &text),
        LoginFailed::NotAServer { http } => {
            Failure::not_ours(host, port, if http { b"HTTP/" } else { b"" })
        }
        LoginFailed::TooWeak(mode) => Failure::too_weak(host, port, mode),
        LoginFailed::OtherRoom => Failure::other_room(host, port),
        LoginFailed::Downgrade => Failure::downgrade(host, port),
        LoginFailed::UnknownVersion => Failure::unknown_version(host, port),
        LoginFailed::Unproven => Failure::host_without_proof(host, port),
        LoginFailed::TooSlow => Failure::no_login(host, port, LOGIN_TIMEOUT),
        LoginFailed::Closed => Failure::hung_up(host, port),
    }
}

fn parted(command: &Connect, parting: Parting) -> Result<Exit, Failure> {
    let (host, port) = (command.host.as_str(), command.port);
    match (parting.ending, parting.undelivered) {
        (Ending::Left | Ending::Closed, 0) => {}
        (Ending::Left, undelivered) => {
            return Err(Failure::not_delivered(undelivered, parting.patience));
        }
        (Ending::Closed | Ending::Lost | Ending::Silent, undelivered) => {
            return Err(Failure::lost(host, port, undelivered));
        }
        (Ending::LineTooLong, _) => {
            let what = Shown::line(&[&"the host sent a line of more than ", &MAX_LINE, &" bytes"]);
            return Err(Failure::new(Exit::NotOurs, what));
        }
        (Ending::Tampered, _) => {
            let what = Shown::line(&[&"the connection was tampered with or broken"]);
            return Err(Failure::new(Exit::Distrust, what));
        }
        (Ending::Unfaithful, _) => {
            let what = Shown::line(&[&"the server lost or repeated messages"]);
            return Err(Failure::new(Exit::Distrust, what));
        }
    }
    match parting.unsent {
        0 => Ok(Exit::Done),
        unsent => Err(Failure::not_sent(unsent)),
    }
}
