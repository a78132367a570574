//! The server: accepts connections, logs clients in, and runs one room. Generic
//! over the runtime.
//!
//! ```text
//! accept ──► connection ──login──► room queue ──► room task ──► log
//!                │  reads                             │           │ cursor
//!                │                                    ▼           ▼
//!                └──────────────────────────────► MemberConn ──► socket
//! ```
//!
//! **Deadlock freedom.** A connection task waits only on its socket, on the
//! room queue, or for its own requests and data to drain. The room task waits only
//! on its queue: it writes to all members without blocking. If a socket is full, a
//! separate flush task waits for it.

mod member_conn;
mod member_task;
mod room_task;

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    error::ProtocolError,
    seed::Seed,
    server::{Admission, Credentials, Limits, Login, LoginId, LoginPermit, Room, RoomOutput},
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

/// Capacity of the room queue, in commands. If it is full, connection tasks wait,
/// and so does a client that floods.
const ROOM_QUEUE: usize = 256;
/// Pause after a failed accept, which is usually due to a lack of system
/// resources.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Configuration of a server.
#[derive(Debug)]
pub struct ServerConfig {
    /// Secrets of the room.
    pub credentials: Credentials,
    /// Limits of the server.
    pub limits: Limits,
    /// Wall-clock time at the runtime's time zero.
    pub epoch: Epoch,
    /// Source of all randomness.
    pub seed: Seed,
}

/// An event for the operator. Names are as the members chose them: sanitize them
/// before display.
#[derive(Debug)]
pub enum ServerEvent {
    /// A member joined, left or cleared the history.
    Room(RoomOutput),
    /// A login from this address has failed.
    LoginRejected(IpAddr, ProtocolError),
    /// The system has failed to accept a connection.
    AcceptFailed(io::Error),
}

/// Serves until `stop` is closed ([`Shutdown::Final`](cmdchat_core::server::Shutdown)) or receives a message
/// ([`Shutdown::Restart`](cmdchat_core::server::Shutdown)), then closes all connections in order.
///
/// `on_event` is called from the server's own tasks and must not block.
pub async fn serve<R: Runtime, L: Listener<R>>(
    runtime: R,
    listener: L,
    config: ServerConfig,
    on_event: impl Fn(ServerEvent) + Send + Sync + 'static,
    stop: Receiver<()>,
) {
    let ServerConfig { credentials, limits, epoch, seed } = config;
    let (room_tx, room_rx) = async_channel::bounded(ROOM_QUEUE);
    let shared = Arc::new(Shared {
        runtime: runtime.clone(),
        credentials: Arc::new(credentials),
        admission: Admission::new(&limits),
        srp_limiter: ComputeLimiter::new(limits.max_concurrent_srp, limits.max_queued_srp),
        seed: seed.fork("connections", 0),
        logins: Mutex::default(),
        on_event: Box::new(on_event),
        room_tx,
        flushed: Notify::default(),
        limits,
    });
    let (accepting, stop_accepting) = async_channel::bounded(1);
    runtime.spawn(accept(Arc::clone(&shared), listener, stop_accepting));
    let room = Room::new(&shared.limits, shared.credentials.room_kind(), epoch, &seed);
    RoomTask::new(shared, room, accepting).run(room_rx, stop).await;
}

/// State shared by all connections.
struct Shared<R: Runtime> {
    runtime: R,
    credentials: Arc<Credentials>,
    limits: Limits,
    admission: Admission,
    srp_limiter: ComputeLimiter,
    seed: Seed,
    /// The connections that are logging in.
    logins: Mutex<BTreeMap<LoginId, R::AbortHandle>>,
    on_event: Box<dyn Fn(ServerEvent) + Send + Sync>,
    room_tx: Sender<RoomCommand<R>>,
    /// Notified whenever all data for a member has been written.
    flushed: Notify,
}

impl<R: Runtime> Shared<R> {
    /// Recovers from a poisoned lock: every update of the map is one operation.
    fn logins(&self) -> MutexGuard<'_, BTreeMap<LoginId, R::AbortHandle>> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the login that a new one has replaced, if there is one.
    fn close_replaced(&self, permit: &LoginPermit) {
        if let Some(abort) = permit.replaced().and_then(|login| self.logins().remove(&login)) {
            abort.abort();
        }
    }
}

/// Time in which members can read their closing frames when a connection is
/// closed in order.
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
                    Some(permit) => {
                        shared.close_replaced(&permit);
                        shared.logins().insert(permit.id(), connection.abort.clone());
                        let seed = shared.seed.fork("connection", number);
                        shared.runtime.spawn(handle_connection(
                            Arc::clone(&shared),
                            connection,
                            permit,
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

/// Handles one connection from accept to close.
async fn handle_connection<R: Runtime>(
    shared: Arc<Shared<R>>,
    connection: Connection<R>,
    permit: LoginPermit,
    seed: Seed,
) {
    let (abort, login) = (connection.abort.clone(), permit.id());
    // Boxed separately, so that a member's task does not keep the memory of its
    // login.
    let member = Box::pin(log_in(&shared, connection, permit, seed)).await;
    shared.logins().remove(&login);
    if let Some(mut member) = member {
        member.run(&shared).await;
    }
    abort.abort();
}

/// Logs a client in and joins it to the room. `None` if the login failed or the
/// room has closed.
async fn log_in<R: Runtime>(
    shared: &Shared<R>,
    connection: Connection<R>,
    permit: LoginPermit,
    seed: Seed,
) -> Option<MemberTask<R>> {
    let Connection { mut reader, mut writer, abort, peer } = connection;
    let Shared { runtime, credentials, limits, srp_limiter, .. } = shared;
    let mut decoder = LineDecoder::new(0);
    let credentials = Arc::clone(credentials);
    let login = Login::new(credentials, permit, runtime.now(), limits.login_timeout, &seed);
    match handshake::drive(runtime, srp_limiter, &mut reader, &mut writer, &mut decoder, login)
        .await
    {
        Ok(admitted) => MemberTask::join(shared, (reader, decoder), writer, abort, admitted).await,
        Err(rejected) => {
            (shared.on_event)(ServerEvent::LoginRejected(peer.ip(), rejected.error));
            if shared.admission.take_attack_notice(runtime.now()) {
                let _ = shared.room_tx.send(RoomCommand::BruteForceDetected).await;
            }
            if rejected.error.wire_error().is_some() {
                handshake::linger_close(runtime, reader, writer).await;
            }
            None
        }
    }
}
