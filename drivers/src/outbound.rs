//! Writes what an outlet holds.

use std::io::{self, IoSlice};

use cmdchat_core::{
    time::Tick,
    transport::broadcast::{LogCursor, MAX_IO_SLICES},
};

use crate::{
    notify::Notify,
    runtime::{Runtime, WriteHalf},
};

/// An outlet and the connection that it goes to.
pub(crate) struct OutboundWriter<W> {
    writer: W,
    cursor: LogCursor,
}

/// How far a [`OutboundWriter`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteStatus {
    /// Nothing waits.
    Idle,
    /// The connection takes no more for now.
    Blocked,
    /// Nothing waits, and nothing will: the peer has been told so.
    Finished,
}

impl<W: WriteHalf> OutboundWriter<W> {
    pub(crate) const fn new(writer: W, cursor: LogCursor) -> Self {
        Self { writer, cursor }
    }

    /// Writes as much of what waits as the connection takes without waiting.
    /// Everything goes into one vectored write if it can.
    ///
    /// # Errors
    ///
    /// The connection failed, or was hung up.
    pub(crate) fn try_flush(&mut self, now: Tick) -> io::Result<WriteStatus> {
        loop {
            if self.cursor.is_finished() {
                self.writer.finish();
                return Ok(WriteStatus::Finished);
            }
            let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
            let pending = self.cursor.chunks_vectored(&mut slices);
            if pending.is_empty() {
                return Ok(WriteStatus::Idle);
            }
            match self.writer.try_write(pending) {
                Ok(count) => self.cursor.advance(now, count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(WriteStatus::Blocked);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the connection has taken something of what waits.
    ///
    /// # Errors
    ///
    /// The connection failed, or was hung up.
    pub(crate) async fn flush_some<R: Runtime>(&mut self, runtime: &R) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let pending = self.cursor.chunks_vectored(&mut slices);
        if !pending.is_empty() {
            let count = self.writer.write(pending, None).await?;
            self.cursor.advance(runtime.now(), count);
        }
        Ok(())
    }

    /// Writes until the outlet is finished; `news` is rung when it has more.
    ///
    /// # Errors
    ///
    /// The connection failed, or was hung up.
    pub(crate) async fn run<R: Runtime>(mut self, runtime: &R, news: &Notify) -> io::Result<()> {
        loop {
            match self.try_flush(runtime.now())? {
                WriteStatus::Idle => news.notified().await,
                WriteStatus::Blocked => self.flush_some(runtime).await?,
                WriteStatus::Finished => return Ok(()),
            }
        }
    }
}
