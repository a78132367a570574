//! One person in the room: what happens goes into the model, what comes of it
//! to the session and to the terminal.
//!
//! Theory of operation. Commands go through an `Outbox`, beside everything
//! else. A pipe is read on when all that was read is on its way and most of it
//! has come back. A request to leave overtakes what has not been read yet. A
//! connection that failed is made again for as long as the person wants, unless
//! the login gave somebody a guess at the passphrase. The full screen is drawn
//! at most once per `FRAME`, the plain views with everything that happens.

use std::{io, time::Duration};

use async_channel::Receiver;
use cmdchat_core::{
    client::{Ended, Ending, Event, NotSent, Unconfirmed},
    time::Tick,
    wire::MAX_TEXT,
};
use cmdchat_drivers::{
    connect::{Command, Joined},
    contract::Runtime,
};
use futures_lite::future;
use jiff::Timestamp;

use super::{
    keyboard::Typed,
    look::Look,
    model::{Effect, Input, Model, Moment},
    outbox::Outbox,
    plain,
    regain::{Backoff, Dialing, Regain, Setback},
    screen,
    terminal::{self, Terminal},
    words::too_long,
};
use crate::{
    exit::{Failure, warn},
    text::Shown,
};

/// Lines of a pipe that may be on their way: fewer than the session takes, so
/// that it always has an ear for a request to leave.
const UNANSWERED: usize = 32;
/// How long a person who leaves waits for what was said last.
const FAREWELL: Duration = Duration::from_secs(2);
/// Between two frames of the full screen.
const FRAME: Duration = Duration::from_millis(16);

/// One person in one room.
pub struct Chat<'a, R> {
    runtime: R,
    terminal: Terminal,
    look: Look,
    model: Model,
    connection: Connection<'a>,
    outbox: Outbox,
    regain: Regain<'a>,
    backoff: Option<Backoff>,
    losses: u64,
    /// How long to wait for echoes at the end.
    patience: Duration,
    /// The input has ended: nothing more is taken from it.
    finished: bool,
    /// The person wants to be gone.
    left: bool,
    /// And does not want to wait for it.
    gone: bool,
    /// Lines of a pipe that could not be sent.
    unsent: usize,
    /// The first entry that was not printed.
    printed: u64,
    /// What is on the screen is not what is true.
    stale: bool,
    drawn_at: Option<Tick>,
}

/// How it ended.
#[derive(Debug)]
pub struct Parting {
    /// The session's end.
    pub ending: Ending,
    /// Texts that never came back.
    pub undelivered: usize,
    /// Lines of a pipe that could not be sent.
    pub unsent: usize,
    /// How long the last echoes were waited for.
    pub patience: Duration,
    /// How long it was tried to get the connection back, if that was given up.
    pub tried: Option<Duration>,
}

enum Connection<'a> {
    Up(Receiver<Event>),
    Waiting(Tick, Vec<Unconfirmed>),
    Trying(Dialing<'a>),
}

/// What a chat waits for.
enum Wake {
    /// Nothing if the session's task died: it always says how it ended.
    Event(Option<Event>),
    Sent,
    Signal,
    Typed(Typed),
    Dialed(Result<Joined, Setback>),
    Time,
}

/// Why a chat is over.
type Over = Result<Parting, Failure>;

impl<'a, R: Runtime> Chat<'a, R> {
    /// A room in `model`, to be seen on `terminal`. At the end the last echoes are
    /// waited for as long as `patience`.
    #[must_use]
    pub fn new(
        runtime: R,
        model: Model,
        look: Look,
        terminal: Terminal,
        patience: Duration,
        regain: Regain<'a>,
    ) -> Self {
        Self {
            runtime,
            terminal,
            look,
            model,
            connection: Connection::Waiting(Tick::ZERO, Vec::new()),
            outbox: Outbox::default(),
            regain,
            backoff: None,
            losses: 0,
            patience,
            finished: false,
            left: false,
            gone: false,
            unsent: 0,
            printed: 0,
            stale: true,
            drawn_at: None,
        }
    }

    /// Shows events and takes what is typed until it is over. Each of `signals`
    /// asks to leave.
    ///
    /// # Errors
    ///
    /// Why a lost connection could not be made again.
    pub async fn run(
        mut self,
        joined: Joined,
        signals: &Receiver<()>,
        typed: &Receiver<Typed>,
    ) -> Over {
        self.connect(joined);
        if let Some(size) = self.terminal.screen() {
            self.update(Input::Resized(size));
        }
        loop {
            // Whoever read our lines is gone: nothing is left to do here.
            if self.draw_if_due().is_err() && !self.left {
                self.leave();
            }
            if self.gone {
                self.patience = Duration::ZERO;
                return self.part(Ending::Left, typed);
            }
            let over = match self.next(signals, typed).await {
                Wake::Event(None) => Some(self.part(Ending::Lost, typed)),
                Wake::Event(Some(Event::Ended(ended))) => self.ended(ended, typed),
                Wake::Event(Some(event)) => {
                    self.hear(event);
                    None
                }
                Wake::Dialed(Ok(joined)) => {
                    self.connect(joined);
                    None
                }
                Wake::Dialed(Err(setback)) => self.failed(setback, typed),
                Wake::Sent => None,
                Wake::Signal => {
                    self.leave();
                    None
                }
                Wake::Typed(typed) => {
                    self.take(typed);
                    None
                }
                Wake::Time => {
                    self.pass_time();
                    None
                }
            };
            if let Some(over) = over.or_else(|| self.carry_out(typed)) {
                return over;
            }
        }
    }

    async fn next(&mut self, signals: &Receiver<()>, typed: &Receiver<Typed>) -> Wake {
        let is_ready_for_input = self.terminal.is_live()
            || !self.finished
                && (Terminal::is_at_person()
                    || self.outbox.is_empty()
                        && !self.model.is_offline()
                        && self.model.undelivered() < UNANSWERED);
        let due = self.due();
        let Self { connection, outbox, runtime, .. } = self;
        let signal = async {
            match signals.recv().await {
                Ok(()) => Wake::Signal,
                Err(_) => future::pending().await,
            }
        };
        let line = async {
            match connection {
                Connection::Up(events) => Wake::Event(events.recv().await.ok()),
                Connection::Trying(dialing) => Wake::Dialed(dialing.await),
                Connection::Waiting(..) => future::pending().await,
            }
        };
        let sent = async {
            outbox.send_one().await;
            Wake::Sent
        };
        let input = async {
            if !is_ready_for_input {
                return future::pending().await;
            }
            match typed.recv().await {
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
        let typed_or_sent = future::or(input, sent);
        future::or(future::or(signal, typed_or_sent), future::or(line, time)).await
    }

    /// When time alone changes something.
    fn due(&self) -> Option<Tick> {
        let next_try = match &self.connection {
            Connection::Waiting(at, _) => Some(*at),
            Connection::Up(_) | Connection::Trying(_) => None,
        };
        let frame = self.drawn_at.filter(|_| self.stale).map(|drawn| drawn.after(FRAME));
        let countdown = self.model.deadline(self.runtime.now());
        [next_try, frame, countdown].into_iter().flatten().min()
    }

    fn now(&self) -> Moment {
        Moment { tick: self.runtime.now(), at: Timestamp::now() }
    }

    fn update(&mut self, input: Input) {
        self.model.update(self.now(), input);
        self.stale = true;
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        let now = self.runtime.now();
        let rested = self.drawn_at.is_none_or(|drawn| now.since(drawn) >= FRAME);
        if !self.stale {
            return Ok(());
        }
        if self.terminal.screen().is_some() {
            if rested {
                (self.stale, self.drawn_at) = (false, Some(now));
                let (model, look) = (&self.model, self.look);
                self.terminal.draw(|size| screen::draw(model, look, now, size))?;
            }
            return Ok(());
        }
        self.stale = false;
        let mut lines = plain::lines(&self.model, self.printed);
        self.printed = self.model.end_of_log();
        if !Terminal::is_at_person() {
            self.model.forget();
        }
        if let Some(status) = self.model.take_status() {
            lines.push(plain::notice(self.model.time_of_day(Timestamp::now()), &status));
        }
        self.terminal.print(&lines, self.model.draft())
    }

    fn take(&mut self, typed: Typed) {
        match typed {
            Typed::Input(terminal::Input::Resized(size)) => match self.terminal.screen() {
                Some(_) => self.update(Input::Resized(size)),
                None => self.stale = true,
            },
            Typed::Input(terminal::Input::Key(key)) => self.update(Input::Key(key)),
            Typed::Input(terminal::Input::Paste(text)) => self.update(Input::Paste(text)),
            Typed::Input(terminal::Input::Focus(has)) => self.update(Input::Focus(has)),
            Typed::Line(text) if Terminal::is_at_person() => self.update(Input::Line(text)),
            Typed::Line(text) if text.is_empty() => {}
            Typed::Line(text) if text.len() > MAX_TEXT => self.complain(too_long()),
            Typed::Line(text) => self.model.say(&text),
            Typed::End => self.finish(self.patience),
        }
    }

    fn hear(&mut self, event: Event) {
        if let Event::Ready(_) = event {
            self.backoff = None;
        }
        let refused = matches!(event, Event::NotSent(_, NotSent::TooLong));
        self.update(Input::Heard(event));
        if refused && !Terminal::is_at_person() {
            let status = self.model.take_status();
            self.complain(status.unwrap_or_default());
        }
    }

    /// A line of a pipe could not be sent.
    fn complain(&mut self, why: Shown) {
        self.unsent += 1;
        warn(&why);
    }

    /// Does what the model wants done.
    fn carry_out(&mut self, typed: &Receiver<Typed>) -> Option<Over> {
        while let Some(effect) = self.model.poll_effect() {
            let done = match effect {
                Effect::Send(command) => {
                    self.outbox.put(command);
                    Ok(())
                }
                Effect::Finish => {
                    self.leave();
                    Ok(())
                }
                Effect::Vanish => return Some(self.part(Ending::Lost, typed)),
                Effect::Retry => {
                    if let Connection::Waiting(at, _) = &mut self.connection {
                        *at = self.runtime.now();
                    }
                    Ok(())
                }
                Effect::Copy(text) => self.terminal.copy(&text),
                Effect::Ring => self.terminal.ring(),
                Effect::Redraw => self.terminal.erase(),
                Effect::Suspend => self.terminal.suspend(),
            };
            self.stale = true;
            if done.is_err() && !self.left {
                self.leave();
            }
        }
        None
    }

    fn connect(&mut self, Joined { commands, events }: Joined) {
        self.outbox.connect(commands);
        self.connection = Connection::Up(events);
    }

    /// The session is over: is the chat?
    fn ended(&mut self, ended: Ended, typed: &Receiver<Typed>) -> Option<Over> {
        let Ended { ending, unconfirmed } = ended;
        let wanted = !self.regain.patience.is_zero() && !self.left && !self.finished;
        if !ending.is_accident() || !wanted {
            return Some(self.part(ending, typed));
        }
        self.outbox = Outbox::default();
        self.update(Input::Lost(unconfirmed.iter().map(|text| text.reference).collect()));
        self.wait(unconfirmed, typed)
    }

    fn failed(&mut self, setback: Setback, typed: &Receiver<Typed>) -> Option<Over> {
        let Setback { failure, may_retry, unconfirmed } = setback;
        if may_retry { self.wait(unconfirmed, typed) } else { Some(Err(failure)) }
    }

    fn wait(&mut self, unconfirmed: Vec<Unconfirmed>, typed: &Receiver<Typed>) -> Option<Over> {
        let now = self.runtime.now();
        let Regain { patience, seed, .. } = &self.regain;
        let backoff = self.backoff.get_or_insert_with(|| {
            self.losses += 1;
            Backoff::new(now, *patience, &seed.fork("loss", self.losses))
        });
        let Some(next) = backoff.next(now) else {
            let over = self.part(Ending::Lost, typed);
            return Some(
                over.map(|parting| Parting { tried: Some(self.regain.patience), ..parting }),
            );
        };
        self.connection = Connection::Waiting(next, unconfirmed);
        self.update(Input::Waiting(next));
        None
    }

    fn pass_time(&mut self) {
        if let Connection::Waiting(at, unconfirmed) = &mut self.connection
            && *at <= self.runtime.now()
        {
            let unconfirmed = std::mem::take(unconfirmed);
            self.connection = Connection::Trying((self.regain.dial)(unconfirmed));
            self.update(Input::Trying);
        } else {
            self.update(Input::Passed);
        }
    }

    /// Away, but for a moment in which the last words may come back; whoever
    /// asks again is gone at once.
    fn leave(&mut self) {
        if self.left || self.model.is_offline() {
            self.gone = true;
        }
        self.left = true;
        self.finish(FAREWELL);
    }

    fn finish(&mut self, patience: Duration) {
        self.finished = true;
        self.patience = patience;
        self.outbox.put(Command::Finish(patience));
    }

    fn part(&mut self, ending: Ending, typed: &Receiver<Typed>) -> Over {
        if ending == Ending::Closed {
            self.update(Input::Closed);
            let _ = self.draw_if_due();
        }
        let undelivered = match ending {
            Ending::Left => self.model.undelivered(),
            // What the session did not take is not delivered either.
            Ending::Closed
            | Ending::Lost
            | Ending::Silent
            | Ending::LineTooLong
            | Ending::Tampered
            | Ending::Unfaithful => self.model.undelivered() + lines_waiting(typed),
        };
        let (unsent, patience) = (self.unsent, self.patience);
        Ok(Parting { ending, undelivered, unsent, patience, tried: None })
    }
}

/// Lines that were read and not looked at.
fn lines_waiting(typed: &Receiver<Typed>) -> usize {
    let waiting = std::iter::from_fn(|| typed.try_recv().ok());
    waiting.filter(|typed| matches!(typed, Typed::Line(line) if !line.is_empty())).count()
}
