//! A chat session that spans reconnects, with its input and its pending messages.
//!
//! Theory of operation. Commands go through an `Outbox`, concurrently with
//! everything else. A pipe is read only while the outbox is empty or the client
//! is offline, and fewer than `MAX_IN_FLIGHT` messages await their echo. A request
//! to leave overtakes unread input; a second one waits for nothing.
//! A lost connection is re-established until the configured time limit, unless
//! a failed login exposed a passphrase guess. Unacknowledged messages are resent.

pub mod input;

use std::{io, time::Duration};

use async_channel::Receiver;
use cmdchat_core::{
    client::{CloseReason, Event, Message, PendingMessage, SessionEnd},
    time::Tick,
};
use cmdchat_drivers::{
    client::{
        ClientHandle, SessionCommand,
        outbox::Outbox,
        reconnect::{ConnectError, ConnectFuture, Reconnect},
    },
    runtime::Runtime,
};
use futures_lite::future;

use crate::error::Error;
use crate::session::input::InputEvent;

/// Maximum number of unacknowledged messages from a pipe. It is lower than the
/// session's own limit, so that the session can always receive a request to leave.
const MAX_IN_FLIGHT: usize = 32;
/// Maximum time to wait for the last echoes when leaving.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A chat session in a room, with its input.
pub struct ChatSession<'a, R> {
    runtime: R,
    connection: Connection<'a>,
    outbox: Outbox,
    reconnect: Option<Reconnect<'a, Error>>,
    signals: Receiver<()>,
    input: Receiver<InputEvent>,
    source: InputSource,
    /// Maximum time to wait for echoes at the end.
    drain_timeout: Duration,
    /// Number of messages without an echo.
    in_flight: usize,
    /// The error that stopped the output.
    output_error: Option<Error>,
    lifecycle: Lifecycle,
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
    Connecting(ConnectFuture<'a, Error>),
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
    pub reason: CloseReason,
    /// Number of messages that the server never echoed.
    pub undelivered: usize,
    /// Number of lines from a pipe that could not be sent.
    pub rejected_lines: usize,
    /// The time limit that applied to the last echoes.
    pub drain_timeout: Duration,
    /// The reconnect time limit, if it ran out.
    pub retried_for: Option<Duration>,
    /// The error that stopped the output, if it counts as a failure.
    pub output_error: Option<Error>,
}

enum Wake {
    /// `None` if the session's task died without sending [`Event::Ended`].
    Event(Option<Event>),
    Input(InputEvent),
    Dialed(Result<ClientHandle, ConnectError<Error>>),
    Sent,
    Signal,
    Time,
}

impl<'a, R: Runtime> ChatSession<'a, R> {
    /// Creates a session from a connection that has logged in. Each message on
    /// `signals` is a request to leave. At the end of `input` the session waits up
    /// to `drain_timeout` for the last echoes. Without `reconnect`, a lost connection
    /// ends the session.
    #[must_use]
    pub fn new(
        runtime: R,
        client: ClientHandle,
        (source, input): (InputSource, Receiver<InputEvent>),
        signals: Receiver<()>,
        drain_timeout: Duration,
        reconnect: Option<Reconnect<'a, Error>>,
    ) -> Self {
        let ClientHandle { commands, events } = client;
        let mut outbox = Outbox::default();
        outbox.connect(commands);
        Self {
            runtime,
            connection: Connection::Online(events),
            outbox,
            reconnect,
            signals,
            input,
            source,
            drain_timeout,
            in_flight: 0,
            output_error: None,
            lifecycle: Lifecycle::Active,
        }
    }

    /// Waits for the next update, at most until `due`.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time.
    pub async fn next(&mut self, due: Option<Tick>) -> SessionUpdate {
        loop {
            if self.lifecycle == Lifecycle::Closed {
                self.drain_timeout = Duration::ZERO;
                return SessionUpdate::Over(self.summary(CloseReason::LocallyClosed));
            }
            match self.wake(due).await {
                Wake::Event(None) => {
                    return SessionUpdate::Over(self.summary(CloseReason::ConnectionLost));
                }
                Wake::Event(Some(Event::Ended(ended))) => return self.on_end(ended),
                Wake::Event(Some(event)) => return self.on_event(event),
                // The terminal has gone, and with it the user.
                Wake::Input(InputEvent::End) if self.source == InputSource::Keys => self.close(),
                Wake::Input(InputEvent::End) => self.drain(),
                Wake::Input(event) => return SessionUpdate::Typed(event),
                Wake::Dialed(Ok(ClientHandle { commands, events })) => {
                    self.outbox.connect(commands);
                    self.connection = Connection::Online(events);
                }
                Wake::Dialed(Err(ConnectError { error, may_retry: false, .. })) => {
                    return SessionUpdate::Failed(error);
                }
                Wake::Dialed(Err(ConnectError { unconfirmed, .. })) => {
                    return self.back_off(unconfirmed);
                }
                Wake::Sent => {}
                Wake::Signal => self.close(),
                Wake::Time => return self.on_timeout(),
            }
        }
    }

    async fn wake(&mut self, due: Option<Tick>) -> Wake {
        let takes_input = self.takes_input();
        let Self { runtime, connection, outbox, signals, input, .. } = self;
        let due = match connection {
            Connection::Backoff(at, _) => due.into_iter().chain([*at]).min(),
            Connection::Online(_) | Connection::Connecting(_) => due,
        };
        let signal = async {
            match signals.recv().await {
                Ok(()) => Wake::Signal,
                Err(_) => future::pending().await,
            }
        };
        let connection = async {
            match connection {
                Connection::Online(events) => Wake::Event(events.recv().await.ok()),
                Connection::Connecting(attempt) => Wake::Dialed(attempt.await),
                Connection::Backoff(..) => future::pending().await,
            }
        };
        let sent = async {
            outbox.send_one().await;
            Wake::Sent
        };
        let input = async {
            if !takes_input {
                return future::pending().await;
            }
            match input.recv().await {
                Ok(event) => Wake::Input(event),
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
        let input_or_sent = future::or(input, sent);
        future::or(future::or(signal, input_or_sent), future::or(connection, time)).await
    }

    fn takes_input(&self) -> bool {
        match self.source {
            InputSource::Keys => true,
            InputSource::Lines => self.lifecycle == Lifecycle::Active,
            InputSource::Pipe => {
                // Input is read while offline, because it may be a command to leave.
                self.lifecycle == Lifecycle::Active
                    && (self.outbox.is_empty() || self.is_offline())
                    && self.in_flight < MAX_IN_FLIGHT
            }
        }
    }

    fn on_event(&mut self, event: Event) -> SessionUpdate {
        let is_own = |message: &Message| message.own.is_some();
        let settled = match &event {
            Event::Ready(welcome) => {
                if let Some(reconnect) = &mut self.reconnect {
                    reconnect.reset();
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
            | Event::RoomWarning(_)
            | Event::RoomState(_)
            | Event::Ended(_) => 0,
        };
        self.in_flight = self.in_flight.saturating_sub(settled);
        SessionUpdate::Event(event)
    }

    /// Handles the end of a connection: reconnects or ends the session.
    fn on_end(&mut self, SessionEnd { reason, unconfirmed }: SessionEnd) -> SessionUpdate {
        if reason.is_transient() && self.lifecycle == Lifecycle::Active && self.reconnect.is_some()
        {
            self.back_off(unconfirmed)
        } else {
            SessionUpdate::Over(self.summary(reason))
        }
    }

    fn back_off(&mut self, unconfirmed: Vec<PendingMessage>) -> SessionUpdate {
        let now = self.runtime.now();
        match self.reconnect.as_mut().and_then(|reconnect| reconnect.next_attempt(now)) {
            Some(next) => {
                self.connection = Connection::Backoff(next, unconfirmed);
                SessionUpdate::Waiting(next)
            }
            None => {
                let retried_for = self.reconnect.as_ref().map(Reconnect::time_limit);
                SessionUpdate::Over(SessionSummary {
                    retried_for,
                    ..self.summary(CloseReason::ConnectionLost)
                })
            }
        }
    }

    fn on_timeout(&mut self) -> SessionUpdate {
        if let Connection::Backoff(at, unconfirmed) = &mut self.connection
            && *at <= self.runtime.now()
            && let Some(reconnect) = &self.reconnect
        {
            let unconfirmed = std::mem::take(unconfirmed);
            self.connection = Connection::Connecting(reconnect.dial(unconfirmed));
            return SessionUpdate::Trying;
        }
        SessionUpdate::Time
    }

    /// Sends a command on this connection, or on the next one.
    pub fn send(&mut self, command: SessionCommand) {
        self.in_flight += usize::from(matches!(command, SessionCommand::Send(..)));
        self.outbox.push(command);
    }

    /// Ends the current backoff, so that the next try starts now.
    pub fn retry(&mut self) {
        if let Connection::Backoff(at, _) = &mut self.connection {
            *at = self.runtime.now();
        }
    }

    /// Stops reading input. The session ends when all messages are echoed.
    pub fn drain(&mut self) {
        if self.is_offline() && self.in_flight == 0 {
            self.lifecycle = Lifecycle::Closed;
        } else if self.lifecycle == Lifecycle::Active {
            self.lifecycle = Lifecycle::Draining;
            self.outbox.push(SessionCommand::Drain(self.drain_timeout));
        }
    }

    /// Leaves, after waiting at most `CLOSE_TIMEOUT` for the last echoes. A second call
    /// ends the session at once, and so does a call while offline.
    pub fn close(&mut self) {
        if self.is_leaving() || self.is_offline() {
            self.lifecycle = Lifecycle::Closed;
        } else {
            self.lifecycle = Lifecycle::Closing;
            self.drain_timeout = CLOSE_TIMEOUT;
            self.outbox.push(SessionCommand::Drain(CLOSE_TIMEOUT));
        }
    }

    /// Leaves at once without waiting for echoes. Waits only, for at most
    /// `CLOSE_TIMEOUT`, until the session's task has dropped its state from memory.
    pub async fn abort(self) {
        let Connection::Online(events) = self.connection else { return };
        // The session's task leaves when its command channel is closed.
        drop(self.outbox);
        let gone = async { while events.recv().await.is_ok() {} };
        let timeout = self.runtime.sleep_until(self.runtime.now().saturating_add(CLOSE_TIMEOUT));
        future::or(gone, timeout).await;
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
        !matches!(self.connection, Connection::Online(_))
    }

    /// Returns whether a request to leave was made.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Closing | Lifecycle::Closed)
    }

    /// Returns the summary of a session that ends for `reason`.
    #[must_use]
    pub fn summary(&self, reason: CloseReason) -> SessionSummary {
        let Self { in_flight, drain_timeout, .. } = *self;
        let output_error = self.output_error.clone();
        SessionSummary {
            reason,
            undelivered: in_flight,
            rejected_lines: 0,
            drain_timeout,
            retried_for: None,
            output_error,
        }
    }

    /// Counts the non-empty lines that were read but never processed. Removes them
    /// from the queue.
    #[must_use]
    pub fn lines_unread(&self) -> usize {
        let unread = std::iter::from_fn(|| self.input.try_recv().ok());
        unread.filter(|event| matches!(event, InputEvent::Line(line) if !line.is_empty())).count()
    }
}
