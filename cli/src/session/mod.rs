//! One stay in a room, over as many connections as it takes: what happens next,
//! and what is on its way.
//!
//! Theory of operation. Commands go through an `Outbox`, beside everything
//! else. A pipe is read on when all that was read is on its way, or there is no
//! way, and most of it has come back. A request to leave overtakes what has not
//! been read yet; a second one does not wait for anything. A connection that
//! failed is made again for as long as is wanted, unless the login gave somebody
//! a guess at the passphrase; what was not heard back goes along.

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

/// Texts of a pipe that may be on their way: fewer than the session takes, so
/// that it always has an ear for a request to leave.
const UNANSWERED: usize = 32;
/// How long whoever leaves waits for what was said last.
const FAREWELL: Duration = Duration::from_secs(2);

/// A stay in a room, and its input.
pub struct ChatSession<'a, R> {
    runtime: R,
    line: Connection<'a>,
    outbox: Outbox,
    reconnect: Option<Reconnect<'a>>,
    signals: Receiver<()>,
    input: Receiver<InputEvent>,
    source: InputSource,
    /// How long to wait for echoes at the end.
    patience: Duration,
    /// Texts that have not come back.
    unanswered: usize,
    /// Why what happens cannot be shown any more.
    output_error: Option<Error>,
    stage: Lifecycle,
}

/// Who gives the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputSource {
    /// A person, key by key: one of them may always be the wish to be gone.
    Keys,
    /// A person, line by line.
    Lines,
    /// Nobody who would wait: it is read as fast as the room takes it.
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
    /// No more input is taken.
    Draining,
    /// The same, at somebody's wish.
    Closing,
    Closed,
}

/// What happens next.
#[derive(Debug)]
pub enum SessionUpdate {
    /// Something in the room; never the end.
    Event(Event),
    /// Something of the input; never its end.
    Typed(InputEvent),
    /// There is no connection; the next try comes then.
    Waiting(Tick),
    /// It is being tried.
    Trying,
    /// The moment that was asked for.
    Time,
    /// The end.
    Over(SessionSummary),
    /// The same: why the connection could not be made again.
    Failed(Error),
}

/// How it ended.
#[derive(Debug)]
pub struct SessionSummary {
    /// The session's end.
    pub ending: CloseReason,
    /// Texts that never came back.
    pub undelivered: usize,
    /// Lines of a pipe that could not be sent.
    pub unsent: usize,
    /// How long the last echoes were waited for.
    pub patience: Duration,
    /// How long it was tried to get the connection back, if that was given up.
    pub tried: Option<Duration>,
    /// Why not all of it could be shown, if that is a failure.
    pub output_error: Option<Error>,
}

enum Wake {
    /// Nothing if the session's task died: it always says how it ended.
    Event(Option<Event>),
    Typed(InputEvent),
    Dialed(Result<ClientHandle, ConnectError>),
    Sent,
    Signal,
    Time,
}

impl<'a, R: Runtime> ChatSession<'a, R> {
    /// Each of `signals` asks to leave; at the end of `input` the last echoes are
    /// waited for as long as `patience`. Without `reconnect` a lost connection is
    /// the end.
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

    /// Waits for what happens next, at most until `due`. May be dropped at any
    /// time.
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
                // Without a connection nothing goes on its way, but there may be a wish to leave.
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

    /// The session is over: is the stay?
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

    /// Tells the session, this one or the next.
    pub fn send(&mut self, command: SessionCommand) {
        self.unanswered += usize::from(matches!(command, SessionCommand::Send(..)));
        self.outbox.put(command);
    }

    /// Tries to connect now, if that is waited for.
    pub fn retry(&mut self) {
        if let Connection::Backoff(at, _) = &mut self.line {
            *at = self.runtime.now();
        }
    }

    /// No more input; the end comes when all that was said has come back.
    pub fn drain(&mut self) {
        if self.is_offline() && self.unanswered == 0 {
            self.stage = Lifecycle::Closed;
        } else if self.stage == Lifecycle::Active {
            self.stage = Lifecycle::Draining;
            self.outbox.put(SessionCommand::Drain(self.patience));
        }
    }

    /// Away, but for a moment in which the last words may come back; whoever
    /// asks again, or has nobody to wait for, is gone at once.
    pub fn close(&mut self) {
        if self.is_leaving() || self.is_offline() {
            self.stage = Lifecycle::Closed;
        } else {
            self.stage = Lifecycle::Closing;
            self.patience = FAREWELL;
            self.outbox.put(SessionCommand::Drain(FAREWELL));
        }
    }

    /// Leaves at once, whatever is on its way, and waits only until nothing of the
    /// session is left in memory.
    pub async fn abort(self) {
        let Connection::Online(events) = self.line else { return };
        // A session that nobody can tell anything any more leaves by itself.
        drop(self.outbox);
        let gone = async { while events.recv().await.is_ok() {} };
        let late = self.runtime.sleep_until(self.runtime.now().saturating_add(FAREWELL));
        future::or(gone, late).await;
    }

    /// What happens can no longer be shown, and nothing is left to do here.
    pub fn output_failed(&mut self, error: &io::Error) {
        if self.output_error.is_none() {
            self.output_error = Error::stdout_failed(error);
        }
        if !self.is_leaving() {
            self.close();
        }
    }

    /// Who gives the input.
    #[must_use]
    pub const fn source(&self) -> InputSource {
        self.source
    }

    const fn is_offline(&self) -> bool {
        !matches!(self.line, Connection::Online(_))
    }

    /// Whether somebody asked to leave.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.stage, Lifecycle::Closing | Lifecycle::Closed)
    }

    /// How it stands if this is the end.
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

    /// Lines that were read and not looked at.
    #[must_use]
    pub fn lines_unread(&self) -> usize {
        let waiting = std::iter::from_fn(|| self.input.try_recv().ok());
        waiting.filter(|typed| matches!(typed, InputEvent::Line(line) if !line.is_empty())).count()
    }
}
