//! What the room, a member's reader and whoever waits for its socket share.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use cmdchat_core::{
    transport::broadcast::{LogCursor, Meter},
    transport::frame::Frame,
};

use super::Shared;
use crate::{
    notify::Notify,
    outbound::{OutboundWriter, Standing},
    runtime::{AbortHandle as _, Runtime},
};

/// Bytes a member may be owed, or may have said without being heard yet, before
/// it is read no further.
const BACKPRESSURE_BYTES: u64 = 64 << 10;

/// One connection in the room.
///
/// Whoever has something for the member writes it at once, as far as the socket
/// takes it. Only if that is not all does a task wait for the socket, and goes
/// on: so the members of a room at rest have no writer that would have to be
/// woken, one after the other, for each message.
pub(super) struct MemberConn<R: Runtime> {
    hangup: R::AbortHandle,
    /// Wakes the reader: its member may be heard again.
    turn: Notify,
    /// Bytes of the member's requests that the room has taken.
    heard: AtomicU64,
    /// The room has dropped the member, or the connection has failed.
    gone: AtomicBool,
    /// Tells what the member is owed.
    meter: Meter,
    hand: Mutex<WriterSlot<R::WriteHalf>>,
}

/// Who has the pen.
enum WriterSlot<W> {
    /// Whoever wants it.
    Idle(OutboundWriter<W>),
    /// A task that waits for the socket.
    Flushing,
    /// All is written, or nothing more can be.
    Done,
}

impl<R: Runtime> MemberConn<R> {
    /// For a member who gets what `outlet` holds.
    pub(super) fn new(hangup: R::AbortHandle, writer: R::WriteHalf, outlet: LogCursor) -> Self {
        Self {
            hangup,
            turn: Notify::default(),
            heard: AtomicU64::new(0),
            gone: AtomicBool::new(false),
            meter: outlet.handle(),
            hand: Mutex::new(WriterSlot::Idle(OutboundWriter::new(writer, outlet))),
        }
    }

    /// The room has taken a request of so many bytes.
    pub(super) fn ack_requests(&self, size: u64) {
        self.heard.fetch_add(size, Ordering::AcqRel);
        self.turn.notify_one();
    }

    /// Waits until the member, who has said so many bytes, may be heard again.
    /// `false` if it never will.
    ///
    /// Whoever speaks is heard no faster than it listens: while the member is
    /// owed more than [`OWED`], or the room has not taken what it said, nothing
    /// is read. So a burst goes at the pace of its own echo, and the others, who
    /// get the same bytes, are not made to look slow by it.
    pub(super) async fn wait_for_capacity(&self, said: u64) -> bool {
        while said - self.heard.load(Ordering::Acquire) > BACKPRESSURE_BYTES
            || self.meter.backlog() > BACKPRESSURE_BYTES
        {
            if self.gone.load(Ordering::Acquire) {
                return false;
            }
            self.turn.notified().await;
        }
        true
    }

    /// Ends the connection, whatever its reader waits for.
    pub(super) fn hang_up(&self) {
        self.gone.store(true, Ordering::Release);
        self.turn.notify_one();
        self.hangup.abort();
    }

    /// Waits until the member has all that it is to get, or gets no more.
    pub(super) async fn flushed(&self) {
        while !self.is_flushed() && !self.gone.load(Ordering::Acquire) {
            self.turn.notified().await;
        }
    }

    pub(super) fn is_flushed(&self) -> bool {
        matches!(*self.hand(), WriterSlot::Done)
    }

    /// Has the member told something that is for nobody else.
    pub(super) fn send_direct(self: &Arc<Self>, house: &Arc<Shared<R>>, aside: Frame) {
        self.meter.send_direct(aside);
        self.write(house);
    }

    /// Writes what waits for the member, now or as soon as there is room.
    pub(super) fn write(self: &Arc<Self>, house: &Arc<Shared<R>>) {
        if let Some(pen) = self.write_now(house) {
            let (ties, shared) = (Arc::clone(self), Arc::clone(house));
            house.runtime.spawn(async move { ties.write_on(&shared, pen).await });
        }
    }

    /// Gives the pen away if somebody has to wait with it.
    fn write_now(&self, house: &Shared<R>) -> Option<OutboundWriter<R::WriteHalf>> {
        let mut hand = self.hand();
        let WriterSlot::Idle(pen) = &mut *hand else { return None };
        let mut lent = None;
        match pen.try_flush(house.runtime.now()) {
            Ok(Standing::Idle) => {}
            Ok(Standing::Blocked) => {
                if let WriterSlot::Idle(pen) = mem::replace(&mut *hand, WriterSlot::Flushing) {
                    lent = Some(pen);
                }
            }
            Ok(Standing::Finished) => *hand = WriterSlot::Done,
            Err(_) => {
                *hand = WriterSlot::Done;
                self.hang_up();
            }
        }
        if matches!(*hand, WriterSlot::Done) {
            house.written.notify_one();
        }
        drop(hand);
        self.turn.notify_one();
        lent
    }

    async fn write_on(&self, house: &Shared<R>, mut pen: OutboundWriter<R::WriteHalf>) {
        loop {
            // If it fails, so does the next try, which knows what that means.
            let _ = pen.flush_some(&house.runtime).await;
            *self.hand() = WriterSlot::Idle(pen);
            match self.write_now(house) {
                Some(lent) => pen = lent,
                None => return,
            }
        }
    }

    /// Who has the pen is never half decided.
    fn hand(&self) -> MutexGuard<'_, WriterSlot<R::WriteHalf>> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
