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
/// `on_event` is called from the server's own tasks and must not wait.
pub async fn serve<R: Runtime, L: Listener<R>>(
    runtime: R,
    listener: L,
    server: ServerConfig,
    on_event: impl Fn(ServerEvent) + Send + Sync + 'static,
    stop: Receiver<()>,
) {
    let ServerConfig { credentials, limits, epoch, seed } = server;
    let (room_tx, room_rx) = async_channel::bounded(ROOM_QUEUE);
    let shared = Arc::new(Shared {
        runtime: runtime.clone(),
        credentials: Arc::new(credentials),
        admission: Admission::new(&limits),
        srp_limiter: ComputeLimiter::new(limits.max_concurrent_srp, limits.max_queued_srp),
        seed: seed.fork("connections", 0),
        on_event: Box::new(on_event),
        room_tx,
        flushed: Notify::default(),
        limits,
    });
    runtime.spawn(accept(Arc::clone(&shared), listener, stop.clone()));
    let room = Room::new(&shared.limits, shared.credentials.room_kind(), epoch, &seed);
    RoomTask::new(shared, room).run(room_rx, stop).await;
}

/// What all connections share.
struct Shared<R: Runtime> {
    runtime: R,
    credentials: Arc<Credentials>,
    limits: Limits,
    admission: Admission,
    srp_limiter: ComputeLimiter,
    seed: Seed,
    on_event: Box<dyn Fn(ServerEvent) + Send + Sync>,
    room_tx: Sender<RoomCommand<R>>,
    /// Rung whenever somebody has all that it is to get.
    flushed: Notify,
}

/// How long members get to take the last words when a connection ends orderly.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
async fn accept<R: Runtime, L: Listener<R>>(
    shared: Arc<Shared<R>>,
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
                let now = shared.runtime.now();
                match shared.admission.try_login(now, connection.peer.ip()) {
                    Some(pass) => {
                        let seed = shared.seed.fork("connection", number);
                        shared.runtime.spawn(handle_connection(
                            Arc::clone(&shared),
                            connection,
                            pass,
                            seed,
                        ));
                    }
                    None => connection.abort.abort(),
                }
            }
            Some(Err(error)) => {
                (shared.on_event)(ServerEvent::AcceptFailed(error));
                shared
                    .runtime
                    .sleep_until(shared.runtime.now().saturating_add(ACCEPT_BACKOFF))
                    .await;
            }
        }
    }
}

/// One connection, from the first byte to the last.
async fn handle_connection<R: Runtime>(
    shared: Arc<Shared<R>>,
    connection: Connection<R>,
    pass: LoginPermit,
    seed: Seed,
) {
    let abort = connection.abort.clone();
    // Apart, so that a member does not go on holding what only coming in needed.
    if let Some(mut member) = Box::pin(log_in(&shared, connection, pass, seed)).await {
        member.run(&shared).await;
    }
    abort.abort();
}

/// From the first byte to the seat. Nothing, if the peer is refused or the room has closed.
async fn log_in<R: Runtime>(
    shared: &Shared<R>,
    connection: Connection<R>,
    pass: LoginPermit,
    seed: Seed,
) -> Option<MemberTask<R>> {
    let Connection { mut reader, mut writer, abort, peer } = connection;
    let Shared { runtime, credentials, limits, srp_limiter, .. } = shared;
    let mut decoder = LineDecoder::new(0);
    let credentials = Arc::clone(credentials);
    let login = Login::new(credentials, pass, runtime.now(), limits.login_timeout, &seed);
    match handshake::run(runtime, srp_limiter, &mut reader, &mut writer, &mut decoder, login).await
    {
        Ok(admitted) => MemberTask::join(shared, (reader, decoder), writer, abort, admitted).await,
        Err(refused) => {
            (shared.on_event)(ServerEvent::LoginRejected(peer.ip(), refused.error));
            if shared.admission.take_attack_notice(runtime.now()) {
                let _ = shared.room_tx.send(RoomCommand::BruteForceDetected).await;
            }
            if refused.error.wire_error().is_some() {
                handshake::linger_close(runtime, reader, writer).await;
            }
            None
        }
    }
}
