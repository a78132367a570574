//! Writing the data of a log cursor to a connection.

use std::io::{self, IoSlice};

use cmdchat_core::{
    time::Tick,
    transport::broadcast::{LogCursor, MAX_IO_SLICES},
};

use crate::{
    notify::Notify,
    runtime::{Runtime, WriteHalf},
};

/// The write half of a connection, with the cursor whose data it sends.
pub(crate) struct OutboundWriter<W> {
    writer: W,
    cursor: LogCursor,
}

/// The result of [`OutboundWriter::try_flush`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteStatus {
    /// No data is waiting.
    Idle,
    /// The connection accepts no more data for now.
    Blocked,
    /// All data has been written, and the write half has been closed.
    Finished,
}

impl<W: WriteHalf> OutboundWriter<W> {
    pub(crate) const fn new(writer: W, cursor: LogCursor) -> Self {
        Self { writer, cursor }
    }

    /// Writes as much of the waiting data as the connection accepts without
    /// blocking. Uses one vectored write for all of it if possible.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection failed or was aborted.
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

    /// Waits until the connection has accepted some of the waiting data.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection failed or was aborted.
    pub(crate) async fn flush_some<R: Runtime>(&mut self, runtime: &R) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let pending = self.cursor.chunks_vectored(&mut slices);
        if !pending.is_empty() {
            let count = self.writer.write(pending, None).await?;
            self.cursor.advance(runtime.now(), count);
        }
        Ok(())
    }

    /// Writes until the cursor is finished. `new_data` must be notified when the
    /// cursor has new data.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection failed or was aborted.
    pub(crate) async fn run<R: Runtime>(
        mut self,
        runtime: &R,
        new_data: &Notify,
    ) -> io::Result<()> {
        loop {
            match self.try_flush(runtime.now())? {
                WriteStatus::Idle => new_data.notified().await,
                WriteStatus::Blocked => self.flush_some(runtime).await?,
                WriteStatus::Finished => return Ok(()),
            }
        }
    }
}
