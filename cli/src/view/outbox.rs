//! Commands on their way to the session.

use std::{collections::VecDeque, future::Future, pin::Pin};

use async_channel::Sender;
use cmdchat_drivers::connect::Command;
use futures_lite::future;

/// A queue that empties beside everything else: the session may be waiting for
/// its events to be taken, so whoever did nothing but wait for the session
/// could wait for ever. Between two sessions it only fills.
#[derive(Default)]
pub(super) struct Outbox {
    commands: Option<Sender<Command>>,
    waiting: VecDeque<Command>,
    sending: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Outbox {
    pub(super) fn connect(&mut self, commands: Sender<Command>) {
        self.commands = Some(commands);
    }

    pub(super) fn put(&mut self, command: Command) {
        self.waiting.push_back(command);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sending.is_none() && self.waiting.is_empty()
    }

    /// Waits until the session has taken one more. May be dropped at any time.
    pub(super) async fn send_one(&mut self) {
        if self.sending.is_none() {
            let Some(commands) = self.commands.clone() else {
                return future::pending().await;
            };
            let Some(command) = self.waiting.pop_front() else {
                return future::pending().await;
            };
            // A session that has ended says so by itself.
            self.sending = Some(Box::pin(async move {
                let _ = commands.send(command).await;
            }));
        }
        if let Some(sending) = &mut self.sending {
            sending.await;
        }
        self.sending = None;
    }
}
