//! Per-member connection state, shared by the room task, the member's read task
//! and its flush task.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use cmdchat_core::transport::{
    broadcast::{CursorHandle, LogCursor},
    frame::Frame,
};

use super::Shared;
use crate::{
    notify::Notify,
    outbound::{OutboundWriter, WriteStatus},
    runtime::{AbortHandle as _, Runtime},
};

/// Limit, in bytes, for a member's unsent data and for its requests that the
/// room has not applied yet. Beyond it the member is not read.
const BACKPRESSURE_BYTES: u64 = 64 << 10;

/// The connection of one member of the room.
///
/// Whichever task has data for the member writes it at once, as far as the
/// socket accepts it. A flush task exists only while the socket is full, so an
/// idle room has no writer tasks to wake for each message.
pub(super) struct MemberConn<R: Runtime> {
    abort: R::AbortHandle,
    /// Wakes the read task after `acked`, `closed` or the backlog has changed.
    capacity: Notify,
    /// Bytes of the member's requests that the room has applied.
    acked: AtomicU64,
    /// The room has dropped the member, or the connection has failed.
    closed: AtomicBool,
    /// The member's backlog.
    backlog: CursorHandle,
    writer: Mutex<WriterSlot<R::WriteHalf>>,
}

/// Ownership of a member's writer.
enum WriterSlot<W> {
    /// Any task may flush.
    Idle(OutboundWriter<W>),
    /// A flush task owns the writer and waits for the socket.
    Flushing,
    /// Everything has been written, or the connection has failed.
    Done,
}

impl<W> WriterSlot<W> {
    /// Takes the writer for a flush task. `None` if another task owns it.
    fn take_for_flush(&mut self) -> Option<OutboundWriter<W>> {
        match mem::replace(self, Self::Flushing) {
            Self::Idle(writer) => Some(writer),
            owned @ (Self::Flushing | Self::Done) => {
                *self = owned;
                None
            }
        }
    }
}

impl<R: Runtime> MemberConn<R> {
    /// A connection on which `writer` writes the data of `cursor`.
    pub(super) fn new(abort: R::AbortHandle, writer: R::WriteHalf, cursor: LogCursor) -> Self {
        Self {
            abort,
            capacity: Notify::default(),
            acked: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            backlog: cursor.handle(),
            writer: Mutex::new(WriterSlot::Idle(OutboundWriter::new(writer, cursor))),
        }
    }

    /// Records that the room has applied requests of `size` bytes.
    pub(super) fn ack_requests(&self, size: u64) {
        self.acked.fetch_add(size, Ordering::AcqRel);
        self.capacity.notify_one();
    }

    /// Waits until the member, which has sent `sent` bytes of requests so far,
    /// may be read again. Returns `false` if the connection is closed.
    ///
    /// A member is read only while its backlog and its unapplied requests are
    /// within [`BACKPRESSURE_BYTES`]. A burst therefore proceeds at the rate of
    /// its own echo, and does not make the other members, which receive the
    /// same bytes, look slow.
    pub(super) async fn wait_for_capacity(&self, sent: u64) -> bool {
        while sent - self.acked.load(Ordering::Acquire) > BACKPRESSURE_BYTES
            || self.backlog.backlog() > BACKPRESSURE_BYTES
        {
            if self.closed.load(Ordering::Acquire) {
                return false;
            }
            self.capacity.notified().await;
        }
        true
    }

    /// Shuts the connection down; a pending read or write returns.
    pub(super) fn abort(&self) {
        self.closed.store(true, Ordering::Release);
        self.capacity.notify_one();
        self.abort.abort();
    }

    /// Waits until everything has been written, or the connection is closed.
    pub(super) async fn flushed(&self) {
        while !self.is_flushed() && !self.closed.load(Ordering::Acquire) {
            self.capacity.notified().await;
        }
    }

    pub(super) fn is_flushed(&self) -> bool {
        matches!(*self.writer(), WriterSlot::Done)
    }

    /// Sends `frame` to this member only.
    pub(super) fn send_direct(self: &Arc<Self>, shared: &Arc<Shared<R>>, frame: Frame) {
        self.backlog.send_direct(frame);
        self.flush(shared);
    }

    /// Writes the member's pending data, now as far as the socket accepts it,
    /// and the rest in a flush task.
    pub(super) fn flush(self: &Arc<Self>, shared: &Arc<Shared<R>>) {
        if let Some(writer) = self.try_flush(shared) {
            let (conn, task_shared) = (Arc::clone(self), Arc::clone(shared));
            shared.runtime.spawn(async move { conn.flush_task(&task_shared, writer).await });
        }
    }

    /// Writes without waiting. Returns the writer if the socket is full.
    fn try_flush(&self, shared: &Shared<R>) -> Option<OutboundWriter<R::WriteHalf>> {
        let mut slot = self.writer();
        let WriterSlot::Idle(writer) = &mut *slot else { return None };
        let mut blocked = None;
        match writer.try_flush(shared.runtime.now()) {
            Ok(WriteStatus::Idle) => {}
            Ok(WriteStatus::Blocked) => blocked = slot.take_for_flush(),
            Ok(WriteStatus::Finished) => {
                *slot = WriterSlot::Done;
                shared.flushed.notify_one();
            }
            Err(_) => {
                *slot = WriterSlot::Done;
                shared.flushed.notify_one();
                self.abort();
            }
        }
        drop(slot);
        self.capacity.notify_one();
        blocked
    }

    /// Waits for the socket and writes until the backlog is empty.
    async fn flush_task(&self, shared: &Shared<R>, mut writer: OutboundWriter<R::WriteHalf>) {
        loop {
            // After an error the next `try_flush` fails too, and handles it.
            let _ = writer.flush_some(&shared.runtime).await;
            *self.writer() = WriterSlot::Idle(writer);
            match self.try_flush(shared) {
                Some(blocked) => writer = blocked,
                None => return,
            }
        }
    }

    /// Recovers from a poisoned lock: every update of the slot is one assignment.
    fn writer(&self) -> MutexGuard<'_, WriterSlot<R::WriteHalf>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
