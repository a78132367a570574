//! The clients of a harness: the real client, and a raw peer that the script drives.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use cmdchat_core::client::{CloseReason, SendId, SessionEnd};
use cmdchat_drivers::{
    client::SessionCommand,
    runtime::sim::{Sim, SimAbortHandle, SimReadHalf, SimWriteHalf},
    runtime::{AbortHandle as _, ReadHalf as _, ReadOutcome, Runtime as _, WriteHalf as _},
};

use crate::tap::Tap;

/// The real client, logged in.
pub struct Member {
    pub(super) commands: async_channel::Sender<SessionCommand>,
    pub(super) over: async_channel::Receiver<SessionEnd>,
    pub(super) said: AtomicU64,
}

impl Member {
    /// Sends `text` to the room.
    pub async fn say(&self, text: &str) {
        let reference = SendId(self.said.fetch_add(1, Ordering::Relaxed));
        let _ = self.commands.send(SessionCommand::Send(reference, text.to_owned().into())).await;
    }

    /// Clears the history.
    pub async fn clear(&self) {
        let _ = self.commands.send(SessionCommand::ClearHistory).await;
    }

    /// Requests the fingerprint of the room.
    pub async fn compare(&self) {
        let _ = self.commands.send(SessionCommand::RequestFingerprint).await;
    }

    /// Drains the session: closes it when all messages are echoed, or after ten seconds
    /// without an echo. Returns the end of the session.
    ///
    /// # Panics
    ///
    /// Panics if the session never ends.
    pub async fn finish(&self) -> SessionEnd {
        let _ = self.commands.send(SessionCommand::Drain(Duration::from_secs(10))).await;
        self.over.recv().await.expect("a session ends with an event")
    }

    /// Waits for the session to end, and returns the reason.
    ///
    /// # Panics
    ///
    /// Panics if the session never ends.
    pub async fn ended(&self) -> CloseReason {
        self.over.recv().await.expect("a session ends with an event").reason
    }

    /// Closes the session at once.
    pub async fn leave(&self) {
        let _ = self.commands.send(SessionCommand::Close).await;
    }
}

/// A raw peer that the script drives.
pub struct Raw {
    pub(super) reader: Option<Tap<SimReadHalf>>,
    pub(super) writer: Tap<SimWriteHalf>,
    pub(super) abort: SimAbortHandle,
    pub(super) sim: Sim,
}

impl Raw {
    /// Sends `bytes` for as long as the server accepts them.
    pub async fn send(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.writer.write(&[std::io::IoSlice::new(rest)], None).await {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(_) => return,
            }
        }
    }

    /// Sends `line` and a line feed.
    pub async fn line(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes()).await;
    }

    /// Starts to read all incoming lines into the transcript.
    pub fn listen(&mut self) {
        if let Some(mut reader) = self.reader.take() {
            self.sim.spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(ReadOutcome::Data(_)) = reader.read(&mut buffer, None).await {}
            });
        }
    }

    /// Closes the sending direction.
    pub fn finish(&mut self) {
        self.writer.finish();
    }

    /// Aborts the connection.
    pub fn hang_up(&self) {
        self.abort.abort();
    }
}
