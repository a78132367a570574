//! The queue of commands for a session.

use std::{collections::VecDeque, future::Future, pin::Pin};

use async_channel::{SendError, Sender};
use futures_lite::future;

use super::SessionCommand;

/// A command queue that is drained concurrently with everything else. The session's
/// task may itself wait for its events to be received, so a caller that only waited
/// for the task could deadlock. Commands that one connection did not accept are
/// kept for the next one.
#[derive(Default)]
pub struct Outbox {
    commands: Option<Sender<SessionCommand>>,
    queue: VecDeque<SessionCommand>,
    sending: Option<Sending>,
}

type Sending = Pin<Box<dyn Future<Output = Result<(), SendError<SessionCommand>>> + Send>>;

impl Outbox {
    /// Sends all commands to this session from now on.
    pub fn connect(&mut self, commands: Sender<SessionCommand>) {
        self.commands = Some(commands);
    }

    /// Appends a command.
    pub fn push(&mut self, command: SessionCommand) {
        self.queue.push_back(command);
    }

    /// Returns whether the session has accepted all commands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sending.is_none() && self.queue.is_empty()
    }

    /// Waits until the session's task has accepted one more command.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub async fn send_one(&mut self) {
        loop {
            let sending = match &mut self.sending {
                Some(sending) => sending,
                None => {
                    let Some(commands) =
                        self.commands.clone().filter(|commands| !commands.is_closed())
                    else {
                        return future::pending().await;
                    };
                    let Some(command) = self.queue.pop_front() else {
                        return future::pending().await;
                    };
                    self.sending.insert(Box::pin(async move { commands.send(command).await }))
                }
            };
            let sent = sending.await;
            self.sending = None;
            match sent {
                Ok(()) => return,
                Err(SendError(command)) => self.queue.push_front(command),
            }
        }
    }
}
