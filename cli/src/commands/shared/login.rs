//! Name resolution, connecting and login of a client, and the errors of each.

use crate::safe;
use std::{env, sync::Arc, time::Duration};

use cmdchat_core::{
    client::{
        ClientConfig, CloseReason, Login, LoginError, LoginFailure, MAX_LINE, PendingMessage,
    },
    error::WireError,
    seed::Seed,
    username::{Username, UsernameError},
};
use cmdchat_drivers::{
    client::{ClientHandle, connect, reconnect::ConnectError},
    runtime::tcp,
    runtime::{Connection, TcpRuntime},
};
use futures_lite::future;

use crate::{
    args::TargetArgs,
    error::{Error, ExitStatus, note},
    secrets,
    session::SessionSummary,
};

/// Maximum duration of a login, equal to the default of the server.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Validates a username.
pub(in crate::commands) fn name(text: &str) -> Result<Username, Error> {
    let refused = |why| Error::name_not_allowed(text, why);
    // Servers allow inner spaces, but a name without any cannot be read as two names.
    if text.contains(' ') {
        return Err(refused("no spaces"));
    }
    Username::new(text).map_err(|bad| {
        refused(match bad {
            UsernameError::Empty => "it is empty",
            UsernameError::TooLong => "too long",
            UsernameError::EdgeSpace => "no spaces",
            UsernameError::Forbidden('[') => "no [",
            UsernameError::Forbidden(_) => "no invisible characters",
        })
    })
}

/// Returns the given username, else the login name if valid, else prompts for one.
pub(in crate::commands) fn username_or_prompt(given: Option<&str>) -> Result<Username, Error> {
    if let Some(given) = given {
        return name(given);
    }
    let login =
        ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|variable| env::var(variable).ok());
    match login.and_then(|login| name(&login).ok()) {
        Some(name) => Ok(name),
        None => name(&secrets::ask_for_name()?),
    }
}

/// Shows why the username was rejected, and prompts for another.
pub(in crate::commands) fn reprompt_username(mut why: Error) -> Result<Username, Error> {
    loop {
        note(&safe!["error: ", why.what]);
        match name(&secrets::ask_for_name()?) {
            Ok(name) => return Ok(name),
            Err(refused) => why = refused,
        }
    }
}

/// Connects and logs in, and resends the unconfirmed messages of an earlier session.
pub(in crate::commands) async fn log_in<R: TcpRuntime>(
    runtime: &R,
    way: &TargetArgs,
    config: Arc<ClientConfig>,
    seed: &Seed,
    unconfirmed: Vec<PendingMessage>,
) -> Result<ClientHandle, ConnectError<Error>> {
    let connection = match dial(runtime, way).await {
        Ok(connection) => connection,
        Err(error) => return Err(ConnectError { error, may_retry: true, unconfirmed }),
    };
    let name = config.name().clone();
    let login = Login::new(config, runtime.now(), LOGIN_TIMEOUT, seed).resume(unconfirmed);
    connect(runtime, connection, login).await.map_err(|refused| {
        let LoginError { reason, proof_exposed: guess_given, unconfirmed } = refused;
        let may_retry = !guess_given && is_retryable(&reason);
        ConnectError { error: login_error(way, &name, reason), may_retry, unconfirmed }
    })
}

/// Returns whether a failed login may succeed later, for example because the old
/// connection still holds the username and the slot.
const fn is_retryable(why: &LoginFailure) -> bool {
    match why {
        LoginFailure::Rejected { known: Some(known), .. } => matches!(
            known,
            WireError::UsernameTaken
                | WireError::RoomFull
                | WireError::TooManyFromAddress
                | WireError::ClosedByHost
                | WireError::TryAgainLater
        ),
        LoginFailure::TimedOut | LoginFailure::Closed => true,
        LoginFailure::Rejected { known: None, .. }
        | LoginFailure::NotAServer { .. }
        | LoginFailure::TooWeak(_)
        | LoginFailure::WrongRoom
        | LoginFailure::Downgrade
        | LoginFailure::UnsupportedVersion
        | LoginFailure::ServerNotAuthenticated => false,
    }
}

/// Resolves the host and connects within `--timeout`.
async fn dial<R: TcpRuntime>(runtime: &R, way: &TargetArgs) -> Result<Connection<R>, Error> {
    let (host, port, timeout) = (way.host.as_str(), way.port, way.carriage.timeout);
    let deadline = runtime.now().saturating_add(timeout);
    let wanted = host.to_owned();
    let resolved = runtime.spawn_blocking(move || tcp::resolve(&wanted, port));
    let late = async {
        runtime.sleep_until(deadline).await;
        Err(std::io::ErrorKind::TimedOut.into())
    };
    let failed = |error: &std::io::Error| Error::from_dial(host, port, timeout, error);
    let addresses = future::or(resolved, late).await.map_err(|error| failed(&error))?;
    runtime.dial(&addresses, deadline).await.map_err(|error| failed(&error))
}

fn login_error(way: &TargetArgs, name: &Username, failed: LoginFailure) -> Error {
    let (host, port) = (way.host.as_str(), way.port);
    match failed {
        LoginFailure::Rejected { known: Some(error), text } => match error {
            WireError::AuthenticationFailed => Error::wrong_passphrase(host, port),
            WireError::UsernameTaken => Error::name_taken(name.as_str()),
            WireError::InvalidUsername => {
                Error::name_not_allowed(name.as_str(), "rejected by the server")
            }
            WireError::RoomFull => Error::room_full(),
            WireError::TooManyFromAddress => Error::too_many_from_address(),
            WireError::ClosedByHost => Error::closed_by_host(),
            WireError::RemovedByHost => Error::removed_by_host(),
            WireError::TryAgainLater => Error::server_busy(host, port),
            WireError::InvalidJson
            | WireError::ExpectedSrpInit
            | WireError::MissingA
            | WireError::SrpInitFailed
            | WireError::ExpectedSrpVerify
            | WireError::InvalidVerifyRequest
            | WireError::Protocol2Required => Error::no_common_protocol(host, port, &text),
        },
        LoginFailure::Rejected { known: None, text } => Error::refused_with(host, port, &text),
        LoginFailure::NotAServer { http } => {
            Error::not_cmdchat(host, port, if http { b"HTTP/" } else { b"" })
        }
        LoginFailure::TooWeak(mode) => Error::too_weak(host, port, mode),
        LoginFailure::WrongRoom => Error::wrong_room(host, port),
        LoginFailure::Downgrade => Error::downgrade(host, port),
        LoginFailure::UnsupportedVersion => Error::unknown_version(host, port),
        LoginFailure::ServerNotAuthenticated => Error::server_not_authenticated(host, port),
        LoginFailure::TimedOut => Error::login_timed_out(host, port, LOGIN_TIMEOUT),
        LoginFailure::Closed => Error::closed_during_login(host, port),
    }
}

/// Converts the end of a session into the exit status or error of the program.
pub(in crate::commands) fn into_result(
    way: &TargetArgs,
    summary: SessionSummary,
) -> Result<ExitStatus, Error> {
    let (host, port) = (way.host.as_str(), way.port);
    if let Some(error) = summary.output_error {
        return Err(error);
    }
    match (summary.reason, summary.undelivered) {
        (CloseReason::LocallyClosed | CloseReason::ClosedByServer, 0) => {}
        (CloseReason::LocallyClosed, undelivered) => {
            return Err(Error::not_delivered(undelivered, summary.drain_timeout));
        }
        (
            CloseReason::ClosedByServer
            | CloseReason::ServerRestarts
            | CloseReason::ConnectionLost
            | CloseReason::TimedOut,
            undelivered,
        ) => {
            return Err(Error::connection_lost(host, port, summary.retried_for, undelivered));
        }
        (CloseReason::LineTooLong, _) => {
            let what = safe!["the server sent a line longer than ", MAX_LINE, " bytes"];
            return Err(Error::new(ExitStatus::NotCmdchat, what));
        }
        (CloseReason::Tampered, _) => {
            let what = safe!["the connection was tampered with or broken"];
            return Err(Error::new(ExitStatus::UntrustedServer, what));
        }
        (CloseReason::ServerMisbehaved, _) => {
            let what = safe!["the server lost or repeated messages"];
            return Err(Error::new(ExitStatus::UntrustedServer, what));
        }
    }
    match summary.rejected_lines {
        0 => Ok(ExitStatus::Done),
        lines => Err(Error::not_sent(lines)),
    }
}
