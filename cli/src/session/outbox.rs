//! The queue of commands for the session's task.

use std::{collections::VecDeque, future::Future, pin::Pin};

use async_channel::{SendError, Sender};
use cmdchat_drivers::client::SessionCommand;
use futures_lite::future;

/// A command queue that is drained concurrently with everything else. The session's
/// task may itself wait for its events to be received, so a caller that only waited
/// for the task could deadlock. Commands that one connection did not accept are
/// kept for the next one.
#[derive(Default)]
pub(crate) struct Outbox {
    commands: Option<Sender<SessionCommand>>,
    waiting: VecDeque<SessionCommand>,
    sending: Option<Sending>,
}

type Sending = Pin<Box<dyn Future<Output = Result<(), SendError<SessionCommand>>> + Send>>;

impl Outbox {
    pub(crate) fn connect(&mut self, commands: Sender<SessionCommand>) {
        self.commands = Some(commands);
    }

    pub(crate) fn put(&mut self, command: SessionCommand) {
        self.waiting.push_back(command);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sending.is_none() && self.waiting.is_empty()
    }

    /// Waits until the session's task has accepted one more command.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub(crate) async fn send_one(&mut self) {
        loop {
            let sending = match &mut self.sending {
                Some(sending) => sending,
                None => {
                    let Some(commands) = self.commands.clone().filter(|to| !to.is_closed()) else {
                        return future::pending().await;
                    };
                    let Some(command) = self.waiting.pop_front() else {
                        return future::pending().await;
                    };
                    self.sending.insert(Box::pin(async move { commands.send(command).await }))
                }
            };
            let sent = sending.await;
            self.sending = None;
            match sent {
                Ok(()) => return,
                Err(SendError(command)) => self.waiting.push_front(command),
            }
        }
    }
}
