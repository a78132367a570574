//! `cmdchat serve`: a room, and a console that says who comes and goes.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    num::NonZero,
    process, thread,
    time::Duration,
};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    name::Name,
    secret::Password,
    seed::Seed,
    server::{self, Credentials, Departure, EmptyPassword, Output, Rate},
    untrusted::Untrusted,
    violation::{ErrorText, Violation},
};
use cmdchat_drivers::{
    contract::Sockets,
    serve::{Note, Server, serve},
    tcp,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{epoch, internal, seed};
use crate::{
    args::{Again, Runtime, Serve},
    exit::{Exit, Failure, reason},
    secrets,
    text::Shown,
    view::plain,
};

/// Console lines that a stuck terminal may owe; later ones are left out.
const CONSOLE: usize = 1_024;

pub(super) fn run(mut command: Serve, again: &Again) -> Result<Exit, Failure> {
    let password = secrets::password(command.take_secret(), again)?;
    let stop = stop_on_signals()?;
    match command.runtime {
        #[cfg(feature = "smol")]
        Runtime::Smol => on(&cmdchat_drivers::smol::Smol::new(), &command, password, stop),
        #[cfg(feature = "blocking")]
        Runtime::Blocking => {
            on(&cmdchat_drivers::blocking::Blocking::new(), &command, password, stop)
        }
    }
}

fn on<R: Sockets>(
    runtime: &R,
    command: &Serve,
    password: Password,
    stop: Receiver<()>,
) -> Result<Exit, Failure> {
    let wanted = SocketAddr::new(command.address, command.port);
    let failed = |error: &io::Error| Failure::from_listen(wanted, error);
    let socket = tcp::listen(wanted).map_err(|error| failed(&error))?;
    let address = socket.local_addr().map_err(|error| failed(&error))?;
    let listener = runtime.listen(socket).map_err(|error| failed(&error))?;

    let seed = seed()?;
    let server = Server {
        credentials: credentials(command, &password, &seed)?,
        limits: limits(command),
        epoch: epoch(runtime.now()),
        seed,
    };
    // The room goes on for long, and has no use for it.
    drop(password);
    let console = console()?;
    let kind = if command.strict { " (strict room)" } else { " (classic room)" };
    let _ = console.try_send(Shown::line(&[&"listening on ", &address, &kind]));
    let quiet = command.quiet;
    let notes = move |note: Note| {
        if let Some(line) = line(&note, quiet) {
            let _ = console.try_send(line);
        }
    };
    runtime.run(serve(runtime.clone(), listener, server, notes, stop));
    Ok(Exit::Done)
}

/// Closes the channel at the first signal that asks the program to end; at the
/// second it ends at once.
fn stop_on_signals() -> Result<Receiver<()>, Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| internal("cannot listen to signals", &error))?;
    let (stop, stopped) = async_channel::bounded(1);
    let wait = move || {
        let mut signals = signals.forever();
        signals.next();
        stop.close();
        signals.next();
        process::exit(Exit::Interrupted as i32);
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map_err(|error| internal("cannot start a thread", &error))?;
    Ok(stopped)
}

/// A thread that prints, so that a console that stands still stops nobody.
fn console() -> Result<Sender<Shown>, Failure> {
    let (console, lines) = async_channel::bounded::<Shown>(CONSOLE);
    let print = move || {
        while let Ok(line) = lines.recv_blocking() {
            let _ = writeln!(io::stderr(), "{line}");
        }
    };
    thread::Builder::new()
        .name("console".into())
        .spawn(print)
        .map_err(|error| internal("cannot start a thread", &error))?;
    Ok(console)
}

/// What the room keeps of the password, as the kind of room wants it.
fn credentials(command: &Serve, password: &Password, seed: &Seed) -> Result<Credentials, Failure> {
    match (command.strict, command.protocol) {
        (true, _) => Credentials::strict(password, seed).map_err(|EmptyPassword| {
            Failure::usage(Shown::line(&[&"a strict room needs a password"]))
                .advise("three random words are enough, for example")
        }),
        (false, 1) => Ok(Credentials::protocol_1_only(password, seed)),
        (false, _) => Ok(Credentials::classic(password, seed)),
    }
}

fn limits(command: &Serve) -> server::Limits {
    let given = &command.limits;
    let rate = |per_second: usize| Rate {
        burst: u32::try_from(given.burst).unwrap_or(u32::MAX),
        interval: Duration::from_secs(1) / u32::try_from(per_second).unwrap_or(u32::MAX),
    };
    server::Limits {
        login_timeout: given.login_timeout.or_max(),
        logins: given.max_logins.0,
        logins_per_source: given.max_logins_per_source.0,
        computations: thread::available_parallelism().map_or(1, NonZero::get),
        members: given.max_members.0,
        members_per_source: given.max_per_source.0,
        messages: given.rate.0.map(rate),
        clear_allowed: !command.no_remote_wipe,
        history: Some(given.history),
        history_bytes: Some(given.history_bytes),
        backlog: given.max_backlog.0.map(|bytes| bytes as u64),
        stall: given.stall_timeout.0,
        guard_loopback: given.guard_loopback,
        ..server::Limits::default()
    }
}

/// A note as a line of the console.
fn line(note: &Note, quiet: bool) -> Option<Shown> {
    let now = jiff::ZonedDateTime::now().time();
    Some(match note {
        Note::Room(Output::Joined(name, present)) if !quiet => {
            plain::joined(now, &shown(name), *present)
        }
        Note::Room(Output::Left(name, departure, present)) if !quiet => match departure {
            Departure::Closed => plain::left(now, &shown(name), *present),
            Departure::Lost => presence(now, name, " was cut off (", *present),
            Departure::Silent => presence(now, name, " was silent and is out (", *present),
            Departure::TooSlow => presence(now, name, " was too slow and is out (", *present),
            Departure::Broken(_) => {
                presence(now, name, " broke the protocol and is out (", *present)
            }
        },
        Note::Room(Output::Cleared(name)) if !quiet => {
            plain::notice(now, &Shown::line(&[&shown(name), &" wiped the room"]))
        }
        Note::Room(_) | Note::Refused(_, Violation::Abandoned) => return None,
        Note::Refused(address, violation) => {
            let why = match violation {
                Violation::Answered(ErrorText::AuthenticationFailed) => "wrong passphrase",
                Violation::Answered(error) => error.as_str(),
                Violation::LineTooLong => "line too long",
                Violation::NotUtf8 => "not UTF-8",
                Violation::NotAnObject => "not a JSON object",
                Violation::Tampered | Violation::Unfit | Violation::NoClear => "bad request",
                Violation::TooSlow => "too slow",
                Violation::Abandoned => "left",
            };
            let text = Shown::line(&[&"login from ", address, &" refused: ", &why]);
            plain::warning(now, &text)
        }
        Note::NotAccepted(error) => {
            let text = Shown::line(&[&"cannot accept connections now: ", &reason(error)]);
            plain::warning(now, &text)
        }
    })
}

fn presence(now: jiff::civil::Time, name: &Name, what: &'static str, present: usize) -> Shown {
    plain::notice(now, &Shown::line(&[&shown(name), &what, &present, &" online)"]))
}

/// Members chose their names: on this screen, too, they are only text.
fn shown(name: &Name) -> Shown {
    Shown::name(&Untrusted::new(name.as_str().to_owned())).as_word()
}
