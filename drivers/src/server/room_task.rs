//! The one task that owns the room.

use std::{collections::BTreeMap, sync::Arc};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    server::{Admitted, LeaveReason, MemberId, Room, RoomInput, RoomOutput},
    time::Tick,
    wire::Request,
};
use futures_lite::future;

use super::{CLOSE_TIMEOUT, ServerEvent, Shared, member_conn::MemberConn};
use crate::runtime::Runtime;

/// Bytes the room says before it writes them to anybody.
const PUBLISH_BYTES: usize = 64 << 10;
/// After writing to so many members the room lets others go first.
const YIELD_EVERY: usize = 64;

/// What connections tell the room loop.
pub(super) enum RoomCommand<R: Runtime> {
    /// Boxed, because it is rare and large: messages are moved from place to place.
    Joined(Box<(Admitted, JoinRequest<R>)>),
    Requests(MemberId, Vec<Request>),
    Left(MemberId, LeaveReason),
    BruteForceDetected,
}

/// What is needed of a connection to seat its member.
pub(super) struct JoinRequest<R: Runtime> {
    pub(super) hangup: R::AbortHandle,
    pub(super) writer: R::WriteHalf,
    /// Where the reader waits for its seat.
    pub(super) seated: Sender<Arc<MemberConn<R>>>,
}

/// Everybody present, and what they say.
pub(super) struct RoomTask<R: Runtime> {
    house: Arc<Shared<R>>,
    room: Room,
    present: BTreeMap<MemberId, Arc<MemberConn<R>>>,
    /// Those who have left since the room last wrote, and have it all to get yet.
    leaving: Vec<Arc<MemberConn<R>>>,
}

impl<R: Runtime> RoomTask<R> {
    pub(super) const fn new(house: Arc<Shared<R>>, room: Room) -> Self {
        Self { house, room, present: BTreeMap::new(), leaving: Vec::new() }
    }

    pub(super) async fn run(mut self, mailbox: Receiver<RoomCommand<R>>, stop: Receiver<()>) {
        while let Some(mail) = self.next_event(&mailbox, &stop).await {
            let now = self.house.runtime.now();
            let mut waiting = mail;
            while let Some(mail) = waiting {
                self.handle_command(now, mail);
                waiting = if self.room.staged_bytes() < PUBLISH_BYTES {
                    mailbox.try_recv().ok()
                } else {
                    None
                };
            }
            let fresh = self.room.publish(now);
            self.run_outputs(None);
            if fresh {
                self.write().await;
            }
        }
        self.shutdown().await;
    }

    /// Everybody gets as much of what waits as its connection takes at once.
    async fn write(&mut self) {
        for (written, ties) in self.present.values().chain(&self.leaving).enumerate() {
            if written % YIELD_EVERY == YIELD_EVERY - 1 {
                future::yield_now().await;
            }
            ties.write(&self.house);
        }
        self.leaving.clear();
        // Those who wait for their sockets must not look slow because the room is fast.
        future::yield_now().await;
    }

    /// `None`: stop. `Some(None)`: look at the time.
    async fn next_event(
        &self,
        mailbox: &Receiver<RoomCommand<R>>,
        stop: &Receiver<()>,
    ) -> Option<Option<RoomCommand<R>>> {
        let mail = async { mailbox.recv().await.ok().map(Some) };
        let stopped = async {
            let _ = stop.recv().await;
            None
        };
        let late = async {
            match self.room.poll_timeout() {
                Some(deadline) => self.house.runtime.sleep_until(deadline).await,
                None => future::pending().await,
            }
            Some(None)
        };
        future::or(stopped, future::or(mail, late)).await
    }

    fn handle_command(&mut self, now: Tick, mail: RoomCommand<R>) {
        let mut newcomer = None;
        match mail {
            RoomCommand::Joined(joined) => {
                newcomer = Some(joined.1);
                self.room.handle(now, RoomInput::Joined(joined.0));
            }
            RoomCommand::Requests(seat, requests) => {
                if let Some(ties) = self.present.get(&seat) {
                    ties.ack_requests(requests.iter().map(Request::size).sum());
                }
                for request in requests {
                    self.room.handle(now, RoomInput::Request(seat, request));
                }
            }
            RoomCommand::Left(seat, departure) => {
                self.leaving.extend(self.present.remove(&seat));
                self.room.handle(now, RoomInput::Left(seat, departure));
            }
            RoomCommand::BruteForceDetected => self.room.handle(now, RoomInput::BruteForceDetected),
        }
        self.run_outputs(newcomer);
    }

    /// What the room wants; it may want to seat the newcomer.
    fn run_outputs(&mut self, mut newcomer: Option<JoinRequest<R>>) {
        while let Some(output) = self.room.poll_output() {
            match output {
                RoomOutput::Attach(seat, outlet) => {
                    if let Some(newcomer) = newcomer.take() {
                        let JoinRequest { hangup, writer, seated } = newcomer;
                        let ties = Arc::new(MemberConn::new(hangup, writer, outlet));
                        let _ = seated.try_send(Arc::clone(&ties));
                        // The greeting does not wait until there are news for everybody.
                        ties.write(&self.house);
                        self.present.insert(seat, ties);
                    }
                }
                RoomOutput::Disconnect(seat) => {
                    if let Some(ties) = self.present.remove(&seat) {
                        ties.hang_up();
                    }
                }
                RoomOutput::Joined(..) | RoomOutput::Left(..) | RoomOutput::HistoryCleared(_) => {
                    (self.house.notes)(ServerEvent::Room(output))
                }
            }
        }
    }

    /// Everybody gets the last words, if they take them in time.
    async fn shutdown(mut self) {
        let runtime = self.house.runtime.clone();
        self.room.close();
        self.room.publish(runtime.now());
        self.write().await;
        let until = runtime.now().after(CLOSE_TIMEOUT);
        let written = async {
            for ties in self.present.values() {
                while !ties.is_flushed() {
                    self.house.written.notified().await;
                }
            }
        };
        future::or(runtime.sleep_until(until), written).await;
        self.present.values().for_each(|ties| ties.hang_up());
    }
}
