//! A chat session that spans reconnects, with its input and its pending messages.
//!
//! Theory of operation. Commands go through an `Outbox`, concurrently with
//! everything else. A pipe is read only while the outbox is empty or the client
//! is offline, and fewer than `UNANSWERED` messages await their echo. A request
//! to leave overtakes unread input; a second one waits for nothing.
//! A lost connection is re-established until the configured time limit, unless
//! a failed login exposed a passphrase guess. Unacknowledged messages are resent.

pub mod input;
mod outbox;
pub mod reconnect;

use std::{io, time::Duration};

use async_channel::Receiver;
use cmdchat_core::{
    client::{CloseReason, Event, Message, PendingMessage, SessionEnd},
    time::Tick,
};
use cmdchat_drivers::{
    client::{ClientHandle, SessionCommand},
    runtime::Runtime,
};
use futures_lite::future;

use crate::error::Error;
use crate::session::{
    input::InputEvent,
    outbox::Outbox,
    reconnect::{ConnectError, ConnectFuture, Reconnect},
};

/// Maximum number of unacknowledged messages from a pipe. It is lower than the
/// session's own limit, so that the session can always receive a request to leave.
const UNANSWERED: usize = 32;
/// Maximum time to wait for the last echoes when leaving.
const FAREWELL: Duration = Duration::from_secs(2);

/// A chat session in a room, with its input.
pub struct ChatSession<'a, R> {
    runtime: R,
    line: Connection<'a>,
    outbox: Outbox,
    reconnect: Option<Reconnect<'a>>,
    signals: Receiver<()>,
    input: Receiver<InputEvent>,
    source: InputSource,
    /// Maximum time to wait for echoes at the end.
    patience: Duration,
    /// Number of messages without an echo.
    unanswered: usize,
    /// The error that stopped the output.
    output_error: Option<Error>,
    stage: Lifecycle,
}

/// The source of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputSource {
    /// A user, key by key. It is always read, because any key may be a request to
    /// leave.
    Keys,
    /// A user, line by line.
    Lines,
    /// A pipe, which is read as fast as the server accepts its messages.
    Pipe,
}

enum Connection<'a> {
    Online(Receiver<Event>),
    Backoff(Tick, Vec<PendingMessage>),
    Connecting(ConnectFuture<'a>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifecycle {
    Active,
    /// No more input is read.
    Draining,
    /// Like `Draining`, at the request of the user or a signal.
    Closing,
    Closed,
}

/// An update returned by [`ChatSession::next`].
#[derive(Debug)]
pub enum SessionUpdate {
    /// An event of the room; never [`Event::Ended`].
    Event(Event),
    /// An input event; never [`InputEvent::End`].
    Typed(InputEvent),
    /// The client is offline and will try to reconnect at this time.
    Waiting(Tick),
    /// The client is trying to reconnect.
    Trying,
    /// The time passed to [`ChatSession::next`] has come.
    Time,
    /// The session is over.
    Over(SessionSummary),
    /// The session is over, because reconnecting failed with this error.
    Failed(Error),
}

/// The outcome of a session.
#[derive(Debug)]
pub struct SessionSummary {
    /// The reason why the session ended.
    pub ending: CloseReason,
    /// Number of messages that the server never echoed.
    pub undelivered: usize,
    /// Number of lines from a pipe that could not be sent.
    pub unsent: usize,
    /// The time limit that applied to the last echoes.
    pub patience: Duration,
    /// The reconnect time limit, if it ran out.
    pub tried: Option<Duration>,
    /// The error that stopped the output, if it counts as a failure.
    pub output_error: Option<Error>,
}

enum Wake {
    /// `None` if the session's task died without sending [`Event::Ended`].
    Event(Option<Event>),
    Typed(InputEvent),
    Dialed(Result<ClientHandle, ConnectError>),
    Sent,
    Signal,
    Time,
}

impl<'a, R: Runtime> ChatSession<'a, R> {
    /// Creates a session from a connection that has logged in. Each message on
    /// `signals` is a request to leave. At the end of `input` the session waits up
    /// to `patience` for the last echoes. Without `reconnect`, a lost connection
    /// ends the session.
    #[must_use]
    pub fn new(
        runtime: R,
        joined: ClientHandle,
        (source, input): (InputSource, Receiver<InputEvent>),
        signals: Receiver<()>,
        patience: Duration,
        reconnect: Option<Reconnect<'a>>,
    ) -> Self {
        let ClientHandle { commands, events } = joined;
        let mut outbox = Outbox::default();
        outbox.connect(commands);
        Self {
            runtime,
            line: Connection::Online(events),
            outbox,
            reconnect,
            signals,
            input,
            source,
            patience,
            unanswered: 0,
            output_error: None,
            stage: Lifecycle::Active,
        }
    }

    /// Waits for the next update, at most until `due`.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub async fn next(&mut self, due: Option<Tick>) -> SessionUpdate {
        loop {
            if self.stage == Lifecycle::Closed {
                self.patience = Duration::ZERO;
                return SessionUpdate::Over(self.summary(CloseReason::LocallyClosed));
            }
            match self.wake(due).await {
                Wake::Event(None) => {
                    return SessionUpdate::Over(self.summary(CloseReason::ConnectionLost));
                }
                Wake::Event(Some(Event::Ended(ended))) => return self.ended(ended),
                Wake::Event(Some(event)) => return self.heard(event),
                Wake::Typed(InputEvent::End) => self.drain(),
                Wake::Typed(typed) => return SessionUpdate::Typed(typed),
                Wake::Dialed(Ok(ClientHandle { commands, events })) => {
                    self.outbox.connect(commands);
                    self.line = Connection::Online(events);
                }
                Wake::Dialed(Err(ConnectError { error, may_retry: false, .. })) => {
                    return SessionUpdate::Failed(error);
                }
                Wake::Dialed(Err(ConnectError { unconfirmed, .. })) => {
                    return self.wait(unconfirmed);
                }
                Wake::Sent => {}
                Wake::Signal => self.close(),
                Wake::Time => return self.pass_time(),
            }
        }
    }

    async fn wake(&mut self, due: Option<Tick>) -> Wake {
        let takes_input = self.takes_input();
        let Self { runtime, line, outbox, signals, input, .. } = self;
        let due = match line {
            Connection::Backoff(at, _) => due.into_iter().chain([*at]).min(),
            Connection::Online(_) | Connection::Connecting(_) => due,
        };
        let signal = async {
            match signals.recv().await {
                Ok(()) => Wake::Signal,
                Err(_) => future::pending().await,
            }
        };
        let line = async {
            match line {
                Connection::Online(events) => Wake::Event(events.recv().await.ok()),
                Connection::Connecting(dialing) => Wake::Dialed(dialing.await),
                Connection::Backoff(..) => future::pending().await,
            }
        };
        let sent = async {
            outbox.send_one().await;
            Wake::Sent
        };
        let typed = async {
            if !takes_input {
                return future::pending().await;
            }
            match input.recv().await {
                Ok(typed) => Wake::Typed(typed),
                Err(_) => future::pending().await,
            }
        };
        let time = async {
            match due {
                Some(due) => runtime.sleep_until(due).await,
                None => future::pending().await,
            }
            Wake::Time
        };
        let typed_or_sent = future::or(typed, sent);
        future::or(future::or(signal, typed_or_sent), future::or(line, time)).await
    }

    fn takes_input(&self) -> bool {
        match self.source {
            InputSource::Keys => true,
            InputSource::Lines => self.stage == Lifecycle::Active,
            InputSource::Pipe => {
                // Input is read while offline, because it may be a command to leave.
                self.stage == Lifecycle::Active
                    && (self.outbox.is_empty() || self.is_offline())
                    && self.unanswered < UNANSWERED
            }
        }
    }

    fn heard(&mut self, event: Event) -> SessionUpdate {
        let is_own = |message: &Message| message.own.is_some();
        let answers = match &event {
            Event::Ready(welcome) => {
                if let Some(reconnect) = &mut self.reconnect {
                    reconnect.succeed();
                }
                welcome.history.iter().filter(|message| is_own(message)).count()
            }
            Event::Message(message) => usize::from(is_own(message)),
            Event::SendFailed(..) => 1,
            Event::Rejected(_)
            | Event::Joined(..)
            | Event::Left(..)
            | Event::HistoryCleared(..)
            | Event::Notice(_)
            | Event::Unacknowledged(_)
            | Event::RoomState(_)
            | Event::Ended(_) => 0,
        };
        self.unanswered = self.unanswered.saturating_sub(answers);
        SessionUpdate::Event(event)
    }

    /// Handles the end of a connection: reconnects or ends the session.
    fn ended(&mut self, SessionEnd { reason, unconfirmed }: SessionEnd) -> SessionUpdate {
        if reason.is_transient() && self.stage == Lifecycle::Active && self.reconnect.is_some() {
            self.wait(unconfirmed)
        } else {
            SessionUpdate::Over(self.summary(reason))
        }
    }

    fn wait(&mut self, unconfirmed: Vec<PendingMessage>) -> SessionUpdate {
        let now = self.runtime.now();
        match self.reconnect.as_mut().and_then(|reconnect| reconnect.next_try(now)) {
            Some(next) => {
                self.line = Connection::Backoff(next, unconfirmed);
                SessionUpdate::Waiting(next)
            }
            None => {
                let tried = self.reconnect.as_ref().map(Reconnect::patience);
                SessionUpdate::Over(SessionSummary {
                    tried,
                    ..self.summary(CloseReason::ConnectionLost)
                })
            }
        }
    }

    fn pass_time(&mut self) -> SessionUpdate {
        if let Connection::Backoff(at, unconfirmed) = &mut self.line
            && *at <= self.runtime.now()
            && let Some(reconnect) = &self.reconnect
        {
            let unconfirmed = std::mem::take(unconfirmed);
            self.line = Connection::Connecting(reconnect.dial(unconfirmed));
            return SessionUpdate::Trying;
        }
        SessionUpdate::Time
    }

    /// Sends a command on this connection, or on the next one.
    pub fn send(&mut self, command: SessionCommand) {
        self.unanswered += usize::from(matches!(command, SessionCommand::Send(..)));
        self.outbox.put(command);
    }

    /// Ends the current backoff, so that the next try starts now.
    pub fn retry(&mut self) {
        if let Connection::Backoff(at, _) = &mut self.line {
            *at = self.runtime.now();
        }
    }

    /// Stops reading input. The session ends when all messages are echoed.
    pub fn drain(&mut self) {
        if self.is_offline() && self.unanswered == 0 {
            self.stage = Lifecycle::Closed;
        } else if self.stage == Lifecycle::Active {
            self.stage = Lifecycle::Draining;
            self.outbox.put(SessionCommand::Drain(self.patience));
        }
    }

    /// Leaves, after waiting at most `FAREWELL` for the last echoes. A second call
    /// ends the session at once, and so does a call while offline.
    pub fn close(&mut self) {
        if self.is_leaving() || self.is_offline() {
            self.stage = Lifecycle::Closed;
        } else {
            self.stage = Lifecycle::Closing;
            self.patience = FAREWELL;
            self.outbox.put(SessionCommand::Drain(FAREWELL));
        }
    }

    /// Leaves at once without waiting for echoes. Waits only, for at most
    /// `FAREWELL`, until the session's task has dropped its state from memory.
    pub async fn abort(self) {
        let Connection::Online(events) = self.line else { return };
        // The session's task leaves when its command channel is closed.
        drop(self.outbox);
        let gone = async { while events.recv().await.is_ok() {} };
        let late = self.runtime.sleep_until(self.runtime.now().saturating_add(FAREWELL));
        future::or(gone, late).await;
    }

    /// Records that output failed, and leaves.
    pub fn output_failed(&mut self, error: &io::Error) {
        if self.output_error.is_none() {
            self.output_error = Error::stdout_failed(error);
        }
        if !self.is_leaving() {
            self.close();
        }
    }

    /// Returns the source of the input.
    #[must_use]
    pub const fn source(&self) -> InputSource {
        self.source
    }

    const fn is_offline(&self) -> bool {
        !matches!(self.line, Connection::Online(_))
    }

    /// Returns whether a request to leave was made.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.stage, Lifecycle::Closing | Lifecycle::Closed)
    }

    /// Returns the summary of a session that ends with `ending`.
    #[must_use]
    pub fn summary(&self, ending: CloseReason) -> SessionSummary {
        let Self { unanswered, patience, .. } = *self;
        let (tried, unwritten) = (None, self.output_error.clone());
        SessionSummary {
            ending,
            undelivered: unanswered,
            unsent: 0,
            patience,
            tried,
            output_error: unwritten,
        }
    }

    /// Counts the non-empty lines that were read but never processed. Removes them
    /// from the queue.
    #[must_use]
    pub fn lines_unread(&self) -> usize {
        let waiting = std::iter::from_fn(|| self.input.try_recv().ok());
        waiting.filter(|typed| matches!(typed, InputEvent::Line(line) if !line.is_empty())).count()
    }
}
