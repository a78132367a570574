//! The room task. Owns the [`Room`], applies commands from connections, and
//! publishes batches to all members.

use std::{collections::BTreeMap, sync::Arc};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    server::{Admitted, LeaveReason, MemberId, Room, RoomInput, RoomOutput, Shutdown},
    time::Tick,
    wire::Request,
};
use futures_lite::future;

use super::{CLOSE_TIMEOUT, ServerEvent, Shared, member_conn::MemberConn};
use crate::runtime::Runtime;

/// Staged bytes after which a batch is published even if more commands wait.
const PUBLISH_BYTES: usize = 64 << 10;
/// Members flushed before other tasks get a turn.
const YIELD_EVERY: usize = 64;

/// A command from a connection task.
pub(super) enum RoomCommand<R: Runtime> {
    /// Boxed, because it is large and rare.
    Joined(Box<(Admitted, JoinRequest<R>)>),
    Requests(MemberId, Vec<Request>),
    Left(MemberId, LeaveReason),
    BruteForceDetected,
}

/// The connection of a client that has logged in.
pub(super) struct JoinRequest<R: Runtime> {
    pub(super) abort: R::AbortHandle,
    pub(super) writer: R::WriteHalf,
    /// Receives the member's connection once the member is in the room.
    pub(super) reply: Sender<Arc<MemberConn<R>>>,
}

/// What the room task wakes up for.
enum RoomEvent<R: Runtime> {
    Command(RoomCommand<R>),
    /// The time of [`Room::poll_timeout`] has come.
    Timeout,
    Shutdown(Shutdown),
}

pub(super) struct RoomTask<R: Runtime> {
    shared: Arc<Shared<R>>,
    room: Room,
    members: BTreeMap<MemberId, Arc<MemberConn<R>>>,
    /// Members that have left since the last flush, with data still to write.
    leaving: Vec<Arc<MemberConn<R>>>,
    /// The server accepts connections until this is dropped.
    accepting: Sender<()>,
}

impl<R: Runtime> RoomTask<R> {
    pub(super) const fn new(shared: Arc<Shared<R>>, room: Room, accepting: Sender<()>) -> Self {
        Self { shared, room, members: BTreeMap::new(), leaving: Vec::new(), accepting }
    }

    pub(super) async fn run(mut self, commands: Receiver<RoomCommand<R>>, stop: Receiver<()>) {
        let how = loop {
            let mut next = match self.next_event(&commands, &stop).await {
                RoomEvent::Command(command) => Some(command),
                RoomEvent::Timeout => None,
                RoomEvent::Shutdown(how) => break how,
            };
            let now = self.shared.runtime.now();
            if let Some(epoch) = self.shared.runtime.epoch() {
                self.room.set_epoch(epoch);
            }
            while let Some(command) = next {
                self.handle_command(now, command);
                let full = self.room.staged_bytes() >= PUBLISH_BYTES;
                next = if full { None } else { commands.try_recv().ok() };
            }
            let published = self.room.publish(now);
            self.run_outputs(None);
            if published {
                self.flush_all().await;
            }
        };
        self.shutdown(how).await;
    }

    /// Writes to each member as much as its socket accepts without waiting.
    async fn flush_all(&mut self) {
        for (flushed, conn) in self.members.values().chain(&self.leaving).enumerate() {
            if flushed % YIELD_EVERY == YIELD_EVERY - 1 {
                future::yield_now().await;
            }
            conn.flush(&self.shared);
        }
        self.leaving.clear();
        // Lets flush tasks run, so that members do not look slow because the
        // room task occupies the executor.
        future::yield_now().await;
    }

    async fn next_event(
        &self,
        commands: &Receiver<RoomCommand<R>>,
        stop: &Receiver<()>,
    ) -> RoomEvent<R> {
        let command = async {
            match commands.recv().await {
                Ok(command) => RoomEvent::Command(command),
                Err(_) => RoomEvent::Shutdown(Shutdown::Final),
            }
        };
        let shutdown = async {
            RoomEvent::Shutdown(match stop.recv().await {
                Ok(()) => Shutdown::Restart,
                Err(_) => Shutdown::Final,
            })
        };
        let timeout = async {
            match self.room.poll_timeout() {
                Some(deadline) => self.shared.runtime.sleep_until(deadline).await,
                None => future::pending().await,
            }
            RoomEvent::Timeout
        };
        future::or(shutdown, future::or(command, timeout)).await
    }

    fn handle_command(&mut self, now: Tick, command: RoomCommand<R>) {
        let mut join_request = None;
        match command {
            RoomCommand::Joined(joined) => {
                join_request = Some(joined.1);
                self.room.handle(now, RoomInput::Joined(joined.0));
            }
            RoomCommand::Requests(id, requests) => {
                if let Some(conn) = self.members.get(&id) {
                    conn.ack_requests(requests.iter().map(Request::size).sum());
                }
                for request in requests {
                    self.room.handle(now, RoomInput::Request(id, request));
                }
            }
            RoomCommand::Left(id, reason) => {
                self.leaving.extend(self.members.remove(&id));
                self.room.handle(now, RoomInput::Left(id, reason));
            }
            RoomCommand::BruteForceDetected => {
                self.room.handle(now, RoomInput::BruteForceDetected);
            }
        }
        self.run_outputs(join_request);
    }

    /// Carries out the room's outputs. `join_request` is the connection of the
    /// member that the room may attach.
    fn run_outputs(&mut self, mut join_request: Option<JoinRequest<R>>) {
        while let Some(output) = self.room.poll_output() {
            match output {
                RoomOutput::Attach(id, cursor) => {
                    if let Some(JoinRequest { abort, writer, reply }) = join_request.take() {
                        let conn = Arc::new(MemberConn::new(abort, writer, cursor));
                        let _ = reply.try_send(Arc::clone(&conn));
                        // The preamble does not wait for the next batch.
                        conn.flush(&self.shared);
                        self.members.insert(id, conn);
                    }
                }
                RoomOutput::Disconnect(id) => {
                    if let Some(conn) = self.members.remove(&id) {
                        conn.abort();
                    }
                }
                RoomOutput::Joined(..) | RoomOutput::Left(..) | RoomOutput::HistoryCleared(_) => {
                    (self.shared.on_event)(ServerEvent::Room(output));
                }
            }
        }
    }

    /// Closes the room and gives every member [`CLOSE_TIMEOUT`] to read the
    /// closing frames.
    async fn shutdown(mut self, how: Shutdown) {
        self.accepting.close();
        let runtime = self.shared.runtime.clone();
        self.room.close(how);
        self.room.publish(runtime.now());
        self.flush_all().await;
        let until = runtime.now().saturating_add(CLOSE_TIMEOUT);
        let flushed = async {
            for conn in self.members.values() {
                while !conn.is_flushed() {
                    self.shared.flushed.notified().await;
                }
            }
        };
        future::or(runtime.sleep_until(until), flushed).await;
        self.members.values().for_each(|conn| conn.abort());
    }
}
