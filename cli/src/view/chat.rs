//! The room in plain mode: events become lines, what is typed becomes commands.
//!
//! Theory of operation. Commands go through an [`Outbox`], beside everything
//! else. A pipe is read on when all that was read is on its way and most of it
//! has come back. A request to leave overtakes what has not been read yet.

use std::{io, time::Duration};

use async_channel::Receiver;
use cmdchat_core::{
    client::{
        Doubt, Ended, Ending, Event, Message, NotSent, Reference, Rejected, Rejection, Welcome,
    },
    wire::MAX_TEXT,
};
use cmdchat_drivers::connect::{Command, Joined};
use futures_lite::future;
use jiff::{Timestamp, civil::Time, tz::TimeZone};
use zeroize::Zeroizing;

use super::{
    editor::Editor,
    keyboard::Typed,
    keys::{Edit, Key},
    outbox::Outbox,
    plain,
    terminal::{Input, Terminal},
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

/// The plain view of one session.
pub struct Chat {
    terminal: Terminal,
    draft: Editor,
    outbox: Outbox,
    events: Receiver<Event>,
    /// How long to wait for echoes at the end.
    patience: Duration,
    zone: TimeZone,
    /// The last key asked whether to leave.
    leaving: bool,
    /// The input has ended: nothing more is taken from it.
    finished: bool,
    /// The person wants to be gone.
    left: bool,
    /// And does not want to wait for it.
    gone: bool,
    /// Texts said so far.
    said: u64,
    /// Texts that have not come back.
    unanswered: usize,
    /// Lines of a pipe that could not be sent.
    unsent: usize,
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
}

/// What a chat waits for.
enum Wake {
    Event(Event),
    Sent,
    Signal,
    Typed(Typed),
}

/// A line typed at a terminal.
#[derive(Debug, PartialEq, Eq)]
enum Entered<'a> {
    Nothing,
    Say(&'a str),
    /// `q`, `quit` or `exit`: meant, or only a word?
    Quit,
    Leave,
    Wipe {
        sure: bool,
    },
    Unknown(&'a str),
}

impl Chat {
    /// Takes over the terminal, if there is one.
    ///
    /// # Errors
    ///
    /// It cannot be set up.
    pub fn open(joined: Joined, patience: Duration) -> Result<Self, Failure> {
        Ok(Self {
            terminal: Terminal::enter()?,
            draft: Editor::default(),
            outbox: Outbox::new(joined.commands),
            events: joined.events,
            patience,
            zone: TimeZone::system(),
            leaving: false,
            finished: false,
            left: false,
            gone: false,
            said: 0,
            unanswered: 0,
            unsent: 0,
        })
    }

    /// Whether keys come one by one.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.terminal.is_live()
    }

    /// Shows events and takes what is typed until the session ends. Each of
    /// `signals` asks to leave.
    pub async fn run(mut self, signals: &Receiver<()>, typed: &Receiver<Typed>) -> Parting {
        loop {
            let is_ready_for_input = self.is_live()
                || (self.outbox.is_empty() && self.unanswered < UNANSWERED && !self.finished);
            let event = async { self.events.recv().await.ok().map(Wake::Event) };
            let signal = async {
                match signals.recv().await {
                    Ok(()) => Some(Wake::Signal),
                    Err(_) => future::pending().await,
                }
            };
            let sent = async {
                self.outbox.send_one().await;
                Some(Wake::Sent)
            };
            let input = async {
                if !is_ready_for_input {
                    return future::pending().await;
                }
                match typed.recv().await {
                    Ok(typed) => Some(Wake::Typed(typed)),
                    Err(_) => future::pending().await,
                }
            };
            let shown = match future::or(future::or(signal, event), future::or(sent, input)).await {
                // The session always says how it ended; this is its task dying.
                None => return self.part(Ending::Lost, 0, typed),
                Some(Wake::Event(Event::Ended(Ended { ending, unconfirmed }))) => {
                    return self.part(ending, unconfirmed.len(), typed);
                }
                Some(Wake::Event(event)) => self.show(event),
                Some(Wake::Sent) => Ok(()),
                Some(Wake::Signal) => {
                    self.leave();
                    Ok(())
                }
                Some(Wake::Typed(typed)) => self.take(typed),
            };
            // Whoever read our lines is gone: nothing is left to do here.
            if shown.is_err() && !self.left {
                self.leave();
            }
            if self.gone {
                self.patience = Duration::ZERO;
                let undelivered = self.unanswered;
                return self.part(Ending::Left, undelivered, typed);
            }
        }
    }

    fn part(mut self, ending: Ending, undelivered: usize, typed: &Receiver<Typed>) -> Parting {
        if ending == Ending::Closed {
            let _ = self.notice(Shown::line(&[&"the host closed the room"]));
        }
        let undelivered = match ending {
            Ending::Left => undelivered,
            // What the session did not take is not delivered either.
            Ending::Closed
            | Ending::Lost
            | Ending::Silent
            | Ending::LineTooLong
            | Ending::Tampered
            | Ending::Unfaithful => undelivered.max(self.unanswered + lines_waiting(typed)),
        };
        Parting { ending, undelivered, unsent: self.unsent, patience: self.patience }
    }

    fn show(&mut self, event: Event) -> io::Result<()> {
        let now = self.now();
        let lines = match event {
            Event::Ready(Welcome { mode, members, history, .. }) => {
                let mut lines: Vec<_> =
                    history.iter().flat_map(|message| self.message(message)).collect();
                let names: Vec<_> =
                    members.iter().map(|name| Shown::name(name).as_word()).collect();
                let mut line = Shown::line(&[
                    &"you are in (",
                    &mode.as_str(),
                    &"). ",
                    &names.len(),
                    &" online:",
                ]);
                for name in &names {
                    line = Shown::line(&[&line, &" ", name]);
                }
                lines.push(plain::notice(now, &line));
                lines
            }
            Event::Message(message) => {
                let answered = usize::from(message.own.is_some());
                self.unanswered = self.unanswered.saturating_sub(answered);
                self.message(&message)
            }
            Event::Joined(name, online) => vec![plain::joined(now, &Shown::name(&name), online)],
            Event::Left(name, online) => vec![plain::left(now, &Shown::name(&name), online)],
            Event::Cleared(None, _) => {
                vec![plain::notice(now, &Shown::line(&[&"the room was wiped"]))]
            }
            Event::Cleared(Some(by), doubts) => {
                let by = Shown::name(&by).as_word();
                let doubts = doubts.into_iter().map(|odd| plain::warning(now, &doubt(odd, &by)));
                let mut lines: Vec<_> = doubts.collect();
                lines.push(plain::notice(now, &Shown::line(&[&by, &" wiped the room"])));
                lines
            }
            Event::Notice(text) => {
                let text = Shown::diagnostic(&text);
                vec![plain::notice(now, &Shown::line(&[&"the host says: ", &text]))]
            }
            Event::Rejected(rejected) => vec![plain::warning(now, &rejection(&rejected))],
            Event::Overdue(_) => {
                let what = Shown::line(&[&"a message of yours has not come back yet"]);
                vec![plain::warning(now, &what)]
            }
            Event::Standing(_) => return Ok(()),
            Event::NotSent(_, why) => {
                self.unanswered = self.unanswered.saturating_sub(1);
                return match why {
                    NotSent::TooLong => self.too_long(),
                    NotSent::Ended => Ok(()),
                };
            }
            Event::Ended(_) => return Ok(()),
        };
        self.terminal.print(&lines, &self.draft)
    }

    fn message(&self, message: &Message) -> Vec<Shown> {
        let at = message.at.map_or_else(|| self.now(), |at| self.local(at));
        let author = Shown::name(&message.author);
        let mut lines: Vec<_> = message
            .doubts
            .iter()
            .map(|doubt| plain::warning(at, &self::doubt(*doubt, &author.as_word())))
            .collect();
        lines.extend(match &message.text {
            Some(text) => plain::message(at, &author, &Shown::body(text)),
            None => {
                let author = author.as_word();
                let what: [&dyn crate::text::Clean; 3] =
                    [&"a message from ", &author, &" cannot be read with this passphrase"];
                vec![plain::warning(at, &Shown::line(&what))]
            }
        });
        lines
    }

    fn take(&mut self, typed: Typed) -> io::Result<()> {
        match typed {
            Typed::Input(Input::Resized) => self.terminal.redraw(&self.draft),
            Typed::Input(Input::Paste(text)) => {
                self.draft.paste(&text);
                self.terminal.redraw(&self.draft)
            }
            Typed::Input(Input::Key(key)) => self.press(key),
            Typed::Line(text) if Terminal::is_at_person() => self.entered(text),
            Typed::Line(text) => self.say(&text),
            Typed::End => {
                self.finish(self.patience);
                Ok(())
            }
        }
    }

    fn press(&mut self, key: Key) -> io::Result<()> {
        let empty = self.draft.text().is_empty();
        match key {
            Key::Edit(edit) => self.draft.edit(edit),
            Key::Enter => {
                let text = self.draft.submit();
                self.terminal.redraw(&self.draft)?;
                return self.entered(text);
            }
            Key::Interrupt | Key::EndOfInput if empty && self.leaving => self.leave(),
            Key::Interrupt | Key::EndOfInput if empty => {
                self.leaving = true;
                return self.notice(Shown::line(&[&"Ctrl+C again to leave"]));
            }
            Key::Interrupt => self.draft.clear(),
            Key::EndOfInput => self.draft.edit(Edit::Delete),
            Key::Suspend => return self.terminal.suspend(&self.draft),
            Key::Complete
            | Key::CompleteBack
            | Key::Escape
            | Key::Scroll(_)
            | Key::Find
            | Key::Help
            | Key::Members
            | Key::Redraw => {}
        }
        self.terminal.redraw(&self.draft)
    }

    /// A line typed by a person, who may mean a command.
    fn entered(&mut self, text: Zeroizing<String>) -> io::Result<()> {
        let asked = std::mem::take(&mut self.leaving);
        match Entered::read(&text, asked) {
            Entered::Nothing => Ok(()),
            Entered::Say(text) => self.say(text),
            Entered::Quit => {
                self.leaving = true;
                self.notice(Shown::line(&[&"press Enter again to leave, or keep typing"]))
            }
            Entered::Leave => {
                self.leave();
                Ok(())
            }
            Entered::Wipe { sure: true } => {
                self.outbox.put(Command::Clear);
                Ok(())
            }
            Entered::Wipe { sure: false } => {
                self.notice(Shown::line(&[&"erase for all? /wipe yes"]))
            }
            Entered::Unknown(word) => {
                let word = Shown::one_line(word);
                self.notice(Shown::line(&[
                    &"unknown command ",
                    &word,
                    &"; there are /quit and /wipe (nothing was sent; // sends a slash)",
                ]))
            }
        }
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        if text.len() > MAX_TEXT {
            if self.is_live() {
                self.draft.restore(Zeroizing::new(text.to_owned()));
            }
            return self.too_long();
        }
        self.unanswered += 1;
        let reference = Reference(self.said);
        self.said += 1;
        self.outbox.put(Command::Say(reference, Zeroizing::new(text.to_owned())));
        Ok(())
    }

    fn too_long(&mut self) -> io::Result<()> {
        let what = Shown::line(&[&"not sent: too long (16 KiB at most)"]);
        if Terminal::is_at_person() {
            return self.notice(what);
        }
        self.unsent += 1;
        warn(&what);
        Ok(())
    }

    /// Away, but for a moment in which the last words may come back; whoever
    /// asks again is gone at once.
    fn leave(&mut self) {
        if self.left {
            self.gone = true;
        } else {
            self.left = true;
            self.finish(FAREWELL);
        }
    }

    fn finish(&mut self, patience: Duration) {
        self.finished = true;
        self.patience = patience;
        self.outbox.put(Command::Finish(patience));
    }

    fn notice(&mut self, text: Shown) -> io::Result<()> {
        let line = plain::notice(self.now(), &text);
        self.terminal.print(&[line], &self.draft)
    }

    fn now(&self) -> Time {
        self.local(Timestamp::now())
    }

    fn local(&self, at: Timestamp) -> Time {
        self.zone.to_datetime(at).time()
    }
}

/// What is odd about a message that is shown.
fn doubt(doubt: Doubt, author: &Shown) -> Shown {
    match doubt {
        Doubt::SplitView => Shown::line(&[&"the server shows different members different things"]),
        Doubt::Missing(1) => Shown::line(&[&"a message from ", author, &" is missing"]),
        Doubt::Missing(count) => {
            Shown::line(&[&count, &" messages from ", author, &" are missing"])
        }
        Doubt::Clock => {
            Shown::line(&[&"a message from ", author, &" was delayed, or a clock is wrong"])
        }
    }
}

/// Why a message is not shown.
fn rejection(Rejected { author, why }: &Rejected) -> Shown {
    let author = Shown::name(author).as_word();
    match why {
        Rejection::Forged(inside) => {
            let inside = Shown::name(inside).as_word();
            Shown::line(&[&"FORGED NAME? the host says ", &author, &", the message says ", &inside])
        }
        Rejection::Altered => {
            Shown::line(&[&"a message in your name was altered on its way (dropped)"])
        }
        Rejection::Unreadable => {
            Shown::line(&[&"a wish of ", &author, &" to wipe the room cannot be read (ignored)"])
        }
        Rejection::Replayed => {
            Shown::line(&[&"a message from ", &author, &" arrived twice (dropped)"])
        }
    }
}

/// Lines that were read and not looked at.
fn lines_waiting(typed: &Receiver<Typed>) -> usize {
    let waiting = std::iter::from_fn(|| typed.try_recv().ok());
    waiting.filter(|typed| matches!(typed, Typed::Line(line) if !line.is_empty())).count()
}

impl<'a> Entered<'a> {
    /// `asked`: the line before was one word that may mean leaving.
    fn read(text: &'a str, asked: bool) -> Self {
        match text {
            "" if asked => Self::Leave,
            "" => Self::Nothing,
            "q" | "quit" | "exit" => Self::Quit,
            "/quit" | "/q" | "/exit" => Self::Leave,
            "/wipe" => Self::Wipe { sure: false },
            "/wipe yes" => Self::Wipe { sure: true },
            _ => match text.strip_prefix('/') {
                None => Self::Say(text),
                // `//q` is how to say `q`; `//x` says `/x`.
                Some("/q") => Self::Say("q"),
                Some(rest) if rest.starts_with('/') => Self::Say(rest),
                Some(_) => Self::Unknown(text.split_whitespace().next().unwrap_or(text)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_command_is_never_sent() {
        for (text, asked, entered) in [
            ("hello", false, Entered::Say("hello")),
            ("", false, Entered::Nothing),
            ("q", false, Entered::Quit),
            ("", true, Entered::Leave),
            ("quite", true, Entered::Say("quite")),
            ("//q", false, Entered::Say("q")),
            ("//tmp/x", false, Entered::Say("/tmp/x")),
            ("/quit", false, Entered::Leave),
            ("/quti now", false, Entered::Unknown("/quti")),
            ("/wipe", false, Entered::Wipe { sure: false }),
            ("/wipe yes", false, Entered::Wipe { sure: true }),
        ] {
            assert_eq!(Entered::read(text, asked), entered, "{text}");
        }
    }
}
