//! The interactive application: feeds events and input into the model, and
//! applies the model's effects to the session and the terminal.
//!
//! Theory of operation. The full screen is drawn at most once per `FRAME`. The
//! plain views are written after every update.

use std::{io, time::Duration};

use cmdchat_core::{
    client::{CloseReason, Event, SendError},
    secret::Password,
    time::Tick,
    wire::MAX_TEXT,
};
use cmdchat_drivers::runtime::Runtime;
use jiff::Timestamp;

use crate::{
    error::{Error, warn},
    text::SafeText,
};
use crate::{
    session::{ChatSession, InputSource, SessionSummary, SessionUpdate, input::InputEvent},
    ui::{
        layout::Size,
        model::{Effect, Model, Msg, Now},
        plain, render,
        strings::too_long,
        terminal::{Terminal, TerminalEvent},
        theme::Theme,
    },
};

/// Minimum time between two frames of the full screen.
const FRAME: Duration = Duration::from_millis(16);

/// The interactive chat application for one user in one room.
pub struct App<'a, R> {
    runtime: R,
    terminal: Terminal,
    look: Theme,
    model: Model,
    session: ChatSession<'a, R>,
    /// Checks a passphrase typed to unlock the screen.
    is_passphrase: Box<dyn Fn(&Password) -> bool + 'a>,
    /// Number of lines from a pipe that could not be sent.
    unsent: usize,
    /// Number of the first log entry that was not printed.
    printed: u64,
    /// The terminal does not show the current model.
    stale: bool,
    drawn_at: Option<Tick>,
    /// Size of the full screen as the model knows it.
    size: Option<Size>,
}

/// Ways to quit without waiting for pending messages.
enum QuitMode {
    Immediate,
    Panic,
}

impl<'a, R: Runtime> App<'a, R> {
    /// Creates an application that shows `model` on `terminal`. A locked screen
    /// is unlocked by input for which `is_passphrase` returns true.
    #[must_use]
    pub fn new(
        runtime: R,
        model: Model,
        look: Theme,
        terminal: Terminal,
        session: ChatSession<'a, R>,
        is_passphrase: impl Fn(&Password) -> bool + 'a,
    ) -> Self {
        Self {
            runtime,
            terminal,
            look,
            model,
            session,
            is_passphrase: Box::new(is_passphrase),
            unsent: 0,
            printed: 0,
            stale: true,
            drawn_at: None,
            size: None,
        }
    }

    /// Shows events and handles input until the session ends.
    ///
    /// # Errors
    ///
    /// Returns an error if a lost connection could not be re-established.
    pub async fn run(mut self) -> Result<SessionSummary, Error> {
        loop {
            if let Err(error) = self.draw_if_due() {
                self.session.output_failed(&error);
            }
            match self.session.next(self.due()).await {
                SessionUpdate::Event(event) => self.on_event(event),
                SessionUpdate::Typed(typed) => self.on_input(typed),
                SessionUpdate::Waiting(next) => self.update(Msg::Waiting(next)),
                SessionUpdate::Trying => self.update(Msg::Trying),
                SessionUpdate::Time => self.update(Msg::Passed),
                SessionUpdate::Over(summary) => return Ok(self.finish(summary)),
                SessionUpdate::Failed(error) => return Err(error),
            }
            match self.run_effects() {
                Some(QuitMode::Immediate) => {
                    let summary = self.session.summary(CloseReason::ConnectionLost);
                    return Ok(self.finish(summary));
                }
                Some(QuitMode::Panic) => return Ok(self.panic_quit().await),
                None => {}
            }
        }
    }

    /// Returns the next time at which a redraw is due without any event.
    fn due(&self) -> Option<Tick> {
        let frame = self.drawn_at.filter(|_| self.stale).map(|drawn| drawn.saturating_add(FRAME));
        let countdown = self.model.deadline(self.runtime.now());
        [frame, countdown].into_iter().flatten().min()
    }

    fn update(&mut self, input: Msg) {
        let now = Now { tick: self.runtime.now(), at: Timestamp::now() };
        self.model.update(now, input);
        self.stale = true;
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        let now = self.runtime.now();
        let rested =
            self.drawn_at.is_none_or(|drawn| now.saturating_duration_since(drawn) >= FRAME);
        if !self.stale {
            return Ok(());
        }
        if let Some(size) = self.terminal.screen() {
            if rested {
                // A stopped process is not told that its window was resized.
                if self.size.replace(size) != Some(size) {
                    self.update(Msg::Resized(size));
                }
                self.stale = false;
                self.terminal.draw(render::draw(&self.model, self.look, now, size))?;
                // A slow terminal gets fewer frames.
                self.drawn_at = Some(self.runtime.now());
            }
            return Ok(());
        }
        self.stale = false;
        let mut lines = plain::lines(&self.model, self.printed);
        self.printed = self.model.end_of_log();
        if self.is_a_pipe() {
            self.model.forget();
        }
        if let Some(status) = self.model.take_status() {
            lines.push(plain::notice(self.model.time_of_day(Timestamp::now()), &status));
        }
        self.terminal.print(&lines, self.model.draft(), self.model.settings.ascii)
    }

    fn on_input(&mut self, typed: InputEvent) {
        match typed {
            InputEvent::Input(event) => self.on_terminal_event(event),
            InputEvent::Line(text) if !self.is_a_pipe() => self.update(Msg::Line(text)),
            InputEvent::Line(text) if text.is_empty() => {}
            InputEvent::Line(text) if text.len() > MAX_TEXT => self.report_unsent(&too_long()),
            InputEvent::Line(text) => self.model.say(&text),
            InputEvent::End => {}
        }
    }

    fn on_terminal_event(&mut self, event: TerminalEvent) {
        let done = match event {
            TerminalEvent::Key(key) => return self.update(Msg::Key(key)),
            TerminalEvent::Paste(text) => return self.update(Msg::Paste(text)),
            TerminalEvent::Focus(has) => return self.update(Msg::Focus(has)),
            TerminalEvent::Suspend => self.terminal.suspend(),
            TerminalEvent::Continued => self.terminal.resume(),
            // The next frame has the new size.
            TerminalEvent::Resized(_) => {
                self.terminal.erase();
                Ok(())
            }
        };
        self.after_output(done);
    }

    fn on_event(&mut self, event: Event) {
        let refused = matches!(event, Event::SendFailed(_, SendError::TooLong));
        self.update(Msg::Heard(event));
        if refused && self.is_a_pipe() {
            let status = self.model.take_status();
            self.report_unsent(&status.unwrap_or_default());
        }
    }

    /// Counts and reports a line from a pipe that could not be sent.
    fn report_unsent(&mut self, why: &SafeText) {
        self.unsent += 1;
        warn(why);
    }

    fn is_a_pipe(&self) -> bool {
        self.session.source() == InputSource::Pipe
    }

    /// Runs the effects requested by the model.
    fn run_effects(&mut self) -> Option<QuitMode> {
        while let Some(effect) = self.model.poll_effect() {
            let mut done = Ok(());
            match effect {
                Effect::Send(command) => self.session.send(command),
                Effect::Quit => self.session.close(),
                Effect::QuitNow => return Some(QuitMode::Immediate),
                Effect::Panic => return Some(QuitMode::Panic),
                Effect::CheckPassphrase(typed) => {
                    let right = (self.is_passphrase)(&typed);
                    self.update(Msg::Unlocked(right));
                }
                Effect::Retry => self.session.retry(),
                Effect::Copy(text) => done = self.terminal.copy(&text),
                Effect::Bell => done = self.terminal.bell(),
                Effect::Redraw => self.terminal.erase(),
                Effect::Suspend => done = self.terminal.suspend(),
            }
            self.after_output(done);
        }
        None
    }

    /// Records that the terminal was changed, or that this failed.
    fn after_output(&mut self, done: io::Result<()>) {
        self.stale = true;
        if let Err(error) = done {
            self.session.output_failed(&error);
        }
    }

    /// Quits at once, after erasing the terminal and dropping the model.
    async fn panic_quit(self) -> SessionSummary {
        let Self { terminal, model, session, .. } = self;
        terminal.erase_all();
        drop(model);
        let summary =
            SessionSummary { undelivered: 0, ..session.summary(CloseReason::LocallyClosed) };
        session.abort().await;
        summary
    }

    fn finish(&mut self, summary: SessionSummary) -> SessionSummary {
        let undelivered = match summary.reason {
            CloseReason::LocallyClosed => summary.undelivered,
            // Lines that were never processed are undelivered too.
            CloseReason::ClosedByServer
            | CloseReason::ServerRestarts
            | CloseReason::ConnectionLost
            | CloseReason::TimedOut
            | CloseReason::LineTooLong
            | CloseReason::Tampered
            | CloseReason::ServerMisbehaved => summary.undelivered + self.session.lines_unread(),
        };
        let mut unwritten = summary.output_error;
        if summary.reason == CloseReason::ClosedByServer {
            self.update(Msg::Closed);
            let failed = self.draw_if_due().err();
            unwritten = unwritten.or(failed.as_ref().and_then(Error::stdout_failed));
        }
        SessionSummary {
            undelivered,
            rejected_lines: self.unsent,
            output_error: unwritten,
            ..summary
        }
    }
}
