//! `cmdchat host`: runs a room with an invite code and joins it.

use crate::safe;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    num::NonZero,
    thread,
};

use cmdchat_core::{
    seed::Seed,
    server::{Credentials, Limits},
    username::Username,
};
use cmdchat_drivers::{
    runtime::TcpRuntime,
    runtime::tcp,
    server::{ServerConfig, ServerEvent, serve},
};

use crate::commands::{
    epoch, internal, seed,
    serve::stop_on_signals,
    shared::{
        chat::{ChatTask, with_json_output},
        credentials::ServerMode,
        login,
        runtime::RuntimeTask,
        server::{listening, run_server},
    },
};
use crate::{
    args::{self, HostArgs, SecurityArgs, TargetArgs},
    error::{Error, ExitStatus},
    invite::{
        Instructions,
        word_code::{CLASSIC_WORDS, STRICT_WORDS, WordCode},
    },
    json::JsonWriter,
    ui::StartupNotices,
};

/// Default port.
const PORT: u16 = 3000;

pub(super) fn run(command: &HostArgs) -> Result<ExitStatus, Error> {
    with_json_output(command.looks.json, |json| {
        let (kind, least) = if command.classic {
            (ServerMode::Classic, CLASSIC_WORDS)
        } else {
            (ServerMode::Strict, STRICT_WORDS)
        };
        let words = command.words.unwrap_or(least);
        if words < least {
            return Err(Error::too_few_words(least));
        }
        let seed = seed()?;
        let name = if command.headless {
            None
        } else {
            Some(login::username_or_prompt(command.name.as_deref())?)
        };
        let code = WordCode::generate(words, &seed);
        let credentials = kind.credentials(&code.password(), &seed)?;
        command.carriage.runtime.run(HostTask { command, code, credentials, seed, name, json })
    })
}

struct HostTask<'a> {
    command: &'a HostArgs,
    code: WordCode,
    credentials: Credentials,
    seed: Seed,
    /// The host's own username, or `None` with `--headless`.
    name: Option<Username>,
    json: Option<&'a mut JsonWriter>,
}

impl RuntimeTask for HostTask<'_> {
    fn run<R: TcpRuntime>(self, runtime: &R) -> Result<ExitStatus, Error> {
        let socket = listen(self.command.bind, self.command.port)?;
        let failed = |error: &io::Error| internal("cannot listen", error);
        let address = socket.local_addr().map_err(|error| failed(&error))?;
        let listener = runtime.listen(socket).map_err(|error| failed(&error))?;
        let own = own_addresses(address.ip());
        let card = Instructions::for_host(&own, address.port(), &self.code, !self.command.classic);
        let server = ServerConfig {
            credentials: self.credentials,
            limits: limits(self.command.max_members),
            epoch: epoch(runtime),
            seed: self.seed.fork("relay", 0),
        };
        let Some(name) = self.name else {
            let mut notices = card.lines.clone();
            if self.command.qr {
                let (settings, _) = self.command.looks.resolve();
                notices.extend(card.qr(settings.ascii).unwrap_or_else(|why| vec![why]));
            }
            notices.push(listening(address, !self.command.classic));
            return run_server(runtime, listener, server, notices, false, stop_on_signals()?);
        };

        let way = TargetArgs {
            host: args::host(&reachable(address.ip()).to_string())?,
            port: address.port(),
            username: name.as_str().to_owned(),
            carriage: self.command.carriage,
        };
        let seat = ChatTask {
            way: &way,
            looks: &self.command.looks,
            demands: SecurityArgs::default(),
            lowest: self.code.min_mode(),
            name,
            password: self.code.password(),
            notices: StartupNotices {
                invite: Some(card),
                show_invite: true,
                show_qr: self.command.qr,
                ..StartupNotices::default()
            },
            json: self.json,
        };
        runtime.block_on(async {
            let (stop, stopped) = async_channel::bounded(1);
            let (closed, closing) = async_channel::bounded::<()>(1);
            // The host sees these events in the room, so there is no console.
            let relay = serve(runtime.clone(), listener, server, |_: ServerEvent| {}, stopped);
            runtime.spawn(async move {
                relay.await;
                drop(closed);
            });
            let outcome = seat.run_chat(runtime).await;
            // Flush the closing frames to all members before the program ends.
            stop.close();
            let _ = closing.recv().await;
            outcome
        })
    }
}

fn limits(members: usize) -> Limits {
    Limits {
        max_members: Some(members),
        max_concurrent_srp: thread::available_parallelism().map_or(1, NonZero::get),
        ..Limits::default()
    }
}

/// Listens on `bind`, or on all addresses, and on `port`, or on 3000 with a free
/// port as fallback.
fn listen(bind: Option<IpAddr>, port: Option<u16>) -> Result<TcpListener, Error> {
    // The first accepts both families, but a machine may lack IPv6.
    let everywhere = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
    let addresses = bind.map_or(everywhere.to_vec(), |address| vec![address]);
    let ports = port.map_or(vec![PORT, 0], |port| vec![port]);
    let places = ports
        .iter()
        .flat_map(|port| addresses.iter().map(|address| SocketAddr::new(*address, *port)));
    let mut failed = Error::usage(safe!["no address to listen on"]);
    for place in places {
        match tcp::listen(place) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = Error::from_listen(place, &error),
        }
    }
    Err(failed)
}

/// Returns the address at which the host's own client reaches a server on `bound`.
fn reachable(bound: IpAddr) -> IpAddr {
    match (bound.is_unspecified(), bound) {
        (false, address) => address,
        (true, IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
        (true, IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Returns the addresses at which others can reach the server, the most likely first.
/// These are the source addresses of a packet to the internet; none is sent.
fn own_addresses(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let from = |any: IpAddr, world: IpAddr| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((world, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    // Addresses reserved for documentation (RFC 5737, RFC 3849).
    let v4 = from(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let world = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1);
    let v6 = from(Ipv6Addr::UNSPECIFIED.into(), world.into()).filter(|_| bound.is_ipv6());
    let found: Vec<_> = v4.into_iter().chain(v6).collect();
    if found.is_empty() { vec![reachable(bound)] } else { found }
}
