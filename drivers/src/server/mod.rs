//! A server: accepting, logging in, and one room, written once for every runtime.
//!
//! ```text
//! accept ──► connection ──login──► mailbox ──► room loop ──► log
//!                │  reads, one wait: bytes ▲        │          │ cursor
//!                └─────────────────────────┘        └─ ties ─► outlet ──► socket
//! ```
//!
//! Nobody waits in a circle: a connection waits for its socket or for the
//! mailbox, the room for its mailbox alone. It writes to everybody without
//! waiting; where a socket is full, a task of its own waits for that one.

mod member_conn;
mod member_task;
mod room_task;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    error::ProtocolError,
    seed::Seed,
    server::{Admission, Credentials, Limits, Login, LoginPermit, Room, RoomOutput},
    time::Epoch,
    transport::line_decoder::LineDecoder,
};
use futures_lite::future;

use self::{
    member_task::MemberTask,
    room_task::{RoomCommand, RoomTask},
};
use crate::{
    handshake::{self, ComputeLimiter},
    notify::Notify,
    runtime::{AbortHandle as _, Connection, Listener, Runtime},
};

/// Letters the room has not taken yet. Connections wait beyond that, and so, at
/// last, does whoever floods.
const ROOM_QUEUE: usize = 256;
/// How long accepting rests when the system is short of something.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Everything that a server is given.
#[derive(Debug)]
pub struct ServerConfig {
    /// What it knows of the password.
    pub credentials: Credentials,
    /// What it allows.
    pub limits: Limits,
    /// Wall time at the runtime's zero.
    pub epoch: Epoch,
    /// All its randomness.
    pub seed: Seed,
}

/// What a host may want to see. Names are as members gave them: to be cleaned
/// before they are shown.
#[derive(Debug)]
pub enum ServerEvent {
    /// From the room: who came, left or cleared.
    Room(RoomOutput),
    /// A login from this address failed.
    LoginRejected(IpAddr, ProtocolError),
    /// The system could not accept a connection just now.
    AcceptFailed(io::Error),
}

/// Serves until `stop` is closed, then ends all connections in order.
///
/// `notes` is called from the server's own tasks and must not wait.
pub async fn serve<R: Runtime, L: Listener<R>>(
    runtime: R,
    listener: L,
    server: ServerConfig,
    notes: impl Fn(ServerEvent) + Send + Sync + 'static,
    stop: Receiver<()>,
) {
    let ServerConfig { credentials, limits, epoch, seed } = server;
    let (mail, mailbox) = async_channel::bounded(ROOM_QUEUE);
    let house = Arc::new(Shared {
        runtime: runtime.clone(),
        credentials: Arc::new(credentials),
        gate: Admission::new(&limits),
        arithmetic: ComputeLimiter::new(limits.max_concurrent_srp, limits.max_queued_srp),
        seed: seed.fork("connections", 0),
        notes: Box::new(notes),
        mail,
        written: Notify::default(),
        limits,
    });
    runtime.spawn(accept(Arc::clone(&house), listener, stop.clone()));
    let room = Room::new(&house.limits, house.credentials.kdf(), epoch, &seed);
    RoomTask::new(house, room).run(mailbox, stop).await;
}

/// What all connections share.
struct Shared<R: Runtime> {
    runtime: R,
    credentials: Arc<Credentials>,
    limits: Limits,
    gate: Admission,
    arithmetic: ComputeLimiter,
    seed: Seed,
    notes: Box<dyn Fn(ServerEvent) + Send + Sync>,
    mail: Sender<RoomCommand<R>>,
    /// Rung whenever somebody has all that it is to get.
    written: Notify,
}

/// How long members get to take the last words when a connection ends orderly.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
async fn accept<R: Runtime, L: Listener<R>>(
    house: Arc<Shared<R>>,
    mut listener: L,
    stop: Receiver<()>,
) {
    for number in 0.. {
        let accepted = future::or(async { Some(listener.accept().await) }, async {
            let _ = stop.recv().await;
            None
        });
        match accepted.await {
            None => return,
            Some(Ok(connection)) => {
                let now = house.runtime.now();
                match house.gate.try_login(now, connection.peer.ip()) {
                    Some(pass) => {
                        let seed = house.seed.fork("connection", number);
                        house.runtime.spawn(handle_connection(
                            Arc::clone(&house),
                            connection,
                            pass,
                            seed,
                        ));
                    }
                    None => connection.hangup.abort(),
                }
            }
            Some(Err(error)) => {
                (house.notes)(ServerEvent::AcceptFailed(error));
                house.runtime.sleep_until(house.runtime.now().after(ACCEPT_BACKOFF)).await;
            }
        }
    }
}

/// One connection, from the first byte to the last.
async fn handle_connection<R: Runtime>(
    house: Arc<Shared<R>>,
    connection: Connection<R>,
    pass: LoginPermit,
    seed: Seed,
) {
    let hangup = connection.hangup.clone();
    // Apart, so that a member does not go on holding what only coming in needed.
    if let Some(mut member) = Box::pin(log_in(&house, connection, pass, seed)).await {
        member.run(&house).await;
    }
    hangup.abort();
}

/// From the first byte to the seat. Nothing, if the peer is refused or the room has closed.
async fn log_in<R: Runtime>(
    house: &Shared<R>,
    connection: Connection<R>,
    pass: LoginPermit,
    seed: Seed,
) -> Option<MemberTask<R>> {
    let Connection { mut reader, mut writer, hangup, peer } = connection;
    let Shared { runtime, credentials, limits, arithmetic, .. } = house;
    let mut inbox = LineDecoder::new(0);
    let credentials = Arc::clone(credentials);
    let login = Login::new(credentials, pass, runtime.now(), limits.login_timeout, &seed);
    match handshake::run(runtime, arithmetic, &mut reader, &mut writer, &mut inbox, login).await {
        Ok(admitted) => MemberTask::join(house, (reader, inbox), writer, hangup, admitted).await,
        Err(refused) => {
            (house.notes)(ServerEvent::LoginRejected(peer.ip(), refused.violation));
            if house.gate.take_attack_notice(runtime.now()) {
                let _ = house.mail.send(RoomCommand::BruteForceDetected).await;
            }
            if refused.violation.wire_error().is_some() {
                handshake::linger_close(runtime, reader, writer).await;
            }
            None
        }
    }
}
