//! The server task and its console log on standard error.

use crate::safe;
use std::{
    io::{self, Write as _},
    net::SocketAddr,
    thread,
};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    error::{ProtocolError, WireError},
    server::{LeaveReason, RoomOutput},
    untrusted::Untrusted,
    username::Username,
};
use cmdchat_drivers::{
    runtime::TcpRuntime,
    server::{ServerConfig, ServerEvent, serve},
};

use crate::commands::internal;
use crate::{
    error::{Error, ExitStatus, io_reason},
    text::SafeText,
    ui::plain,
};

/// Capacity of the console queue. Further lines are dropped if the terminal is stuck.
const CONSOLE: usize = 1_024;

/// Runs the server until `stop` is closed. The console prints `notices` first, then
/// events of the room; `quiet` suppresses joins, leaves and clears.
pub(in crate::commands) fn run_server<R: TcpRuntime>(
    runtime: &R,
    listener: R::Listener,
    server: ServerConfig,
    notices: Vec<SafeText>,
    quiet: bool,
    stop: Receiver<()>,
) -> Result<ExitStatus, Error> {
    let console = console()?;
    for line in notices {
        let _ = console.try_send(line);
    }
    let notes = move |note: ServerEvent| {
        if let Some(line) = line(&note, quiet) {
            let _ = console.try_send(line);
        }
    };
    runtime.block_on(serve(runtime.clone(), listener, server, notes, stop));
    Ok(ExitStatus::Done)
}

/// Returns the notice with the listening address and the kind of room.
pub(in crate::commands) fn listening(address: SocketAddr, strict: bool) -> SafeText {
    let kind = if strict { " (strict room)" } else { " (classic room)" };
    safe!["listening on ", address, kind]
}

/// Starts the console thread, so that a blocked console does not block the server.
fn console() -> Result<Sender<SafeText>, Error> {
    let (console, lines) = async_channel::bounded::<SafeText>(CONSOLE);
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

/// Formats a server event as a console line, or `None` if it is not logged.
fn line(note: &ServerEvent, quiet: bool) -> Option<SafeText> {
    let now = jiff::ZonedDateTime::now().time();
    Some(match note {
        ServerEvent::Room(RoomOutput::Joined(name, present)) if !quiet => {
            plain::joined(now, &shown(name), *present)
        }
        ServerEvent::Room(RoomOutput::Left(name, reason, present)) if !quiet => match reason {
            LeaveReason::Closed => plain::left(now, &shown(name), *present),
            LeaveReason::ConnectionLost => presence(now, name, " was cut off (", *present),
            LeaveReason::TimedOut => presence(now, name, " timed out (", *present),
            LeaveReason::SlowConsumer => presence(now, name, " was dropped: too slow (", *present),
            LeaveReason::ProtocolError(_) => {
                presence(now, name, " was dropped: protocol error (", *present)
            }
        },
        ServerEvent::Room(RoomOutput::HistoryCleared(name)) if !quiet => {
            plain::notice(now, &safe![shown(name), " cleared the history"])
        }
        ServerEvent::Room(_) | ServerEvent::LoginRejected(_, ProtocolError::Disconnected) => {
            return None;
        }
        ServerEvent::LoginRejected(address, violation) => {
            let why = match violation {
                ProtocolError::Rejected(WireError::AuthenticationFailed) => "wrong passphrase",
                ProtocolError::Rejected(error) => error.as_str(),
                ProtocolError::LineTooLong => "line too long",
                ProtocolError::NotUtf8 => "not UTF-8",
                ProtocolError::NotAnObject => "not a JSON object",
                ProtocolError::Tampered
                | ProtocolError::InvalidRequest
                | ProtocolError::ClearForbidden => "bad request",
                ProtocolError::LoginTimeout => "too slow",
                ProtocolError::Disconnected => "left",
            };
            let text = safe!["login from ", address, " refused: ", why];
            plain::warning(now, &text)
        }
        ServerEvent::AcceptFailed(error) => {
            let text = safe!["cannot accept connections now: ", io_reason(error)];
            plain::warning(now, &text)
        }
    })
}

fn presence(
    now: jiff::civil::Time,
    name: &Username,
    what: &'static str,
    present: usize,
) -> SafeText {
    plain::notice(now, &safe![shown(name), what, present, " online)"])
}

/// Sanitizes a username, which is chosen by the member and untrusted.
fn shown(name: &Username) -> SafeText {
    SafeText::username(&Untrusted::new(name.as_str().to_owned())).as_word()
}
