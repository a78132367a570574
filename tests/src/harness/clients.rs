//! Who acts on a stage: our client, and a peer made by hand.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use cmdchat_core::client::{SendId, SessionEnd};
use cmdchat_drivers::{
    client::SessionCommand,
    runtime::sim::{Sim, SimAbortHandle, SimReadHalf, SimWriteHalf},
    runtime::{AbortHandle as _, ReadHalf as _, ReadOutcome, Runtime as _, WriteHalf as _},
};

use crate::tap::Tap;

/// Our client in the room.
pub struct Member {
    pub(super) commands: async_channel::Sender<SessionCommand>,
    pub(super) over: async_channel::Receiver<SessionEnd>,
    pub(super) said: AtomicU64,
}

impl Member {
    /// Says `text` to the room.
    pub async fn say(&self, text: &str) {
        let reference = SendId(self.said.fetch_add(1, Ordering::Relaxed));
        let _ = self.commands.send(SessionCommand::Send(reference, text.to_owned().into())).await;
    }

    /// Has the history forgotten.
    pub async fn clear(&self) {
        let _ = self.commands.send(SessionCommand::ClearHistory).await;
    }

    /// Asks where it stands.
    pub async fn compare(&self) {
        let _ = self.commands.send(SessionCommand::RequestFingerprint).await;
    }

    /// Leaves when all has come back, or nothing has for ten seconds, and gives the end.
    ///
    /// # Panics
    ///
    /// If the session never ends.
    pub async fn finish(&self) -> SessionEnd {
        let _ = self.commands.send(SessionCommand::Drain(Duration::from_secs(10))).await;
        self.over.recv().await.expect("a session ends with an event")
    }

    /// Leaves at once.
    pub async fn leave(&self) {
        let _ = self.commands.send(SessionCommand::Close).await;
    }
}

/// A peer made by hand.
pub struct Raw {
    pub(super) reader: Option<Tap<SimReadHalf>>,
    pub(super) writer: Tap<SimWriteHalf>,
    pub(super) abort: SimAbortHandle,
    pub(super) sim: Sim,
}

impl Raw {
    /// Sends `bytes`, as long as the server takes them.
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

    /// From now on all that comes is read into the transcript.
    pub fn listen(&mut self) {
        if let Some(mut reader) = self.reader.take() {
            self.sim.spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(ReadOutcome::Data(_)) = reader.read(&mut buffer, None).await {}
            });
        }
    }

    /// Says that nothing more comes.
    pub fn finish(&mut self) {
        self.writer.finish();
    }

    /// Ends the connection.
    pub fn hang_up(&self) {
        self.abort.abort();
    }
}
