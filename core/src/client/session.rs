//! A client in the room.
//!
//! Theory of operation. The session turns the server's lines into events and
//! the person's words into lines. Each text sent stays pending until the
//! server has echoed its token: only then has the room heard it. Nothing the
//! server sends can end the session but the end of its stream and a line over
//! [`MAX_LINE`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    client::news::{Data, News, User},
    fernet::RoomKey,
    frame::Frame,
    inbox::{Inbox, Line, TooLong},
    name::Name,
    seed::Rng,
    time::{Epoch, Tick},
    untrusted::Untrusted,
    wire::{self, Token},
};

/// The longest line taken from a server, in bytes. Servers of this project send
/// at most [`wire::MAX_LINE`]; a Python server's `init` knows no bound.
pub const MAX_LINE: usize = 4 << 20;
/// More members than this are not kept track of.
const MAX_MEMBERS: usize = 16_384;

/// The client's side of an established connection.
pub struct Session {
    name: Name,
    key: RoomKey,
    epoch: Epoch,
    rng: Rng,
    members: BTreeMap<String, Untrusted>,
    /// Ids of the history: a message may stand in `init` and in the stream.
    history: BTreeSet<String>,
    pending: VecDeque<(Reference, Token)>,
    sent: u64,
    /// The server has said who is here and what was said before.
    welcomed: bool,
    finishing: Option<Finishing>,
    ended: bool,
    outputs: VecDeque<Output>,
}

/// Leaving once everything sent has come back.
struct Finishing {
    patience: Duration,
    give_up_at: Tick,
}

/// One text sent by this session: 0, 1, 2….
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference(pub u64);

/// What is to be done outside, in this order.
#[derive(Debug)]
pub enum Output {
    /// Write this to the server.
    Send(Frame),
    /// Tell the person.
    Event(Event),
}

/// What a person is told.
#[derive(Debug)]
pub enum Event {
    /// In the room: who is here, this client included, and what was said before.
    Ready {
        /// Names, in the server's order.
        members: Vec<Untrusted>,
        /// Oldest first.
        history: Vec<Message>,
    },
    /// Somebody, perhaps this client, said something.
    Message(Message),
    /// A member came; so many are present now.
    Joined(Untrusted, usize),
    /// A member left; so many are present now.
    Left(Untrusted, usize),
    /// The server forgot the history.
    Cleared,
    /// A text was not sent, and why; nothing else changed.
    NotSent(NotSent),
    /// The session is over. The last event, unless more is said all the same.
    Ended(Ending),
}

/// A message as the room heard it.
#[derive(Debug)]
pub struct Message {
    /// Who said it, in the server's words.
    pub author: Untrusted,
    /// The text, if it could be decrypted.
    pub text: Option<Untrusted>,
    /// When, by the server's clock, if it said so.
    pub at: Option<Timestamp>,
    /// Which of this session's texts it is the echo of.
    pub own: Option<Reference>,
}

/// How a session ended. `undelivered` counts texts that no echo has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// This side left.
    Left {
        /// See above.
        undelivered: usize,
    },
    /// The server closed the connection in the ordinary way.
    Closed {
        /// See above.
        undelivered: usize,
    },
    /// The connection broke.
    Lost {
        /// See above.
        undelivered: usize,
    },
    /// The server sent a line over [`MAX_LINE`].
    LineTooLong,
}

/// Why a text was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// Over [`wire::MAX_TEXT`] bytes, or its token over [`wire::MAX_TOKEN`] characters.
    TooLong,
    /// The session is over.
    Ended,
}

/// What [`Session::read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A line; there may be more.
    Line,
    /// Nothing complete: read on.
    NeedsInput,
    /// The session is over.
    Ended,
}

impl Session {
    pub(crate) fn new(name: Name, key: RoomKey, epoch: Epoch, rng: Rng) -> Self {
        Self {
            name,
            key,
            epoch,
            rng,
            members: BTreeMap::new(),
            history: BTreeSet::new(),
            pending: VecDeque::new(),
            sent: 0,
            welcomed: false,
            finishing: None,
            ended: false,
            outputs: VecDeque::new(),
        }
    }

    /// The name this client asked for.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Takes one line of the server's, or the end of its stream, from `inbox`.
    pub fn read(&mut self, now: Tick, inbox: &mut Inbox) -> Progress {
        if self.ended {
            return Progress::Ended;
        }
        inbox.set_bound(MAX_LINE);
        let news = match inbox.take() {
            Ok(Line::Whole(line) | Line::Last(line)) => News::read(line),
            Ok(Line::Incomplete) => return Progress::NeedsInput,
            Ok(Line::End) => {
                self.end(Ending::Closed { undelivered: self.pending.len() });
                return Progress::Ended;
            }
            Err(TooLong) => {
                self.end(Ending::LineTooLong);
                return Progress::Ended;
            }
        };
        self.hear(now, news);
        Progress::Line
    }

    /// The next thing to be done outside.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Encrypts `text` and sends it; [`Event::NotSent`] says if that is not possible.
    pub fn say(&mut self, now: Tick, text: &str) {
        if let Err(why) = self.try_say(now, text) {
            self.tell(Event::NotSent(why));
        }
    }

    fn try_say(&mut self, now: Tick, text: &str) -> Result<(), NotSent> {
        if self.ended || self.finishing.is_some() {
            return Err(NotSent::Ended);
        }
        if text.len() > wire::MAX_TEXT {
            return Err(NotSent::TooLong);
        }
        let sealed = self.key.seal(
            self.epoch.unix_seconds(now),
            self.rng.bytes(),
            without_markup(text).as_bytes(),
        );
        let token = Token::new(sealed).ok_or(NotSent::TooLong)?;
        self.outputs.push_back(Output::Send(wire::say(&token)));
        let reference = Reference(self.sent);
        self.sent += 1;
        self.pending.push_back((reference, token));
        Ok(())
    }

    /// Asks the server to forget the history, for all.
    pub fn clear(&mut self) {
        if !self.ended {
            self.outputs.push_back(Output::Send(wire::clear()));
        }
    }

    /// Texts that no echo has confirmed yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Leaves when the server has said what was said before, and all that was sent has
    /// come back, or when nothing has for `patience`.
    pub fn finish(&mut self, now: Tick, patience: Duration) {
        self.finishing = Some(Finishing { patience, give_up_at: now.after(patience) });
        self.leave_if_finished();
    }

    /// Leaves now.
    pub fn leave(&mut self) {
        self.end(Ending::Left { undelivered: self.pending.len() });
    }

    /// The connection failed.
    pub fn lose(&mut self) {
        self.end(Ending::Lost { undelivered: self.pending.len() });
    }

    /// When to call [`Self::pass_time`] at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Tick> {
        let finishing = self.finishing.as_ref().filter(|_| !self.ended)?;
        Some(finishing.give_up_at)
    }

    /// Time passed. Calling too early is harmless.
    pub fn pass_time(&mut self, now: Tick) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.leave();
        }
    }

    fn hear(&mut self, now: Tick, news: News) {
        match news {
            News::Init { messages, users } => {
                self.members.clear();
                let names = users.iter().map(|user| user.name.clone()).collect();
                for user in users {
                    self.note(user);
                }
                self.history = messages.iter().filter_map(|data| data.id.clone()).collect();
                let history = messages.into_iter().map(|data| self.open(data)).collect();
                self.tell(Event::Ready { members: names, history });
                self.welcomed = true;
                self.leave_if_finished();
            }
            News::Message(data) => {
                if data.id.as_ref().is_some_and(|id| self.history.remove(id)) {
                    return;
                }
                let message = self.open(data);
                let own = message.own;
                self.tell(Event::Message(message));
                if own.is_some() {
                    self.delivered(now);
                }
            }
            News::Joined(user) => {
                let name = user.name.clone();
                if self.note(user) {
                    self.tell(Event::Joined(name, self.members.len()));
                }
            }
            News::Left { user_id } => {
                if let Some(name) = self.members.remove(&user_id) {
                    self.tell(Event::Left(name, self.members.len()));
                }
            }
            News::Cleared => {
                self.history.clear();
                self.tell(Event::Cleared);
            }
            News::Unknown => {}
        }
    }

    /// `true` if the member is new.
    fn note(&mut self, User { user_id, name }: User) -> bool {
        let known = self.members.contains_key(&user_id);
        if known || self.members.len() < MAX_MEMBERS {
            self.members.insert(user_id, name);
        }
        !known
    }

    fn open(&mut self, Data { token, at, author, .. }: Data) -> Message {
        let token = token.unwrap_or_default();
        let echo = self.pending.iter().position(|(_, sent)| sent.as_str() == token);
        let own = echo.and_then(|at| self.pending.remove(at)).map(|(reference, _)| reference);
        let text = self.key.open(&token).ok().and_then(|opened| {
            let text = std::str::from_utf8(&opened.text).ok()?;
            Some(Untrusted::new(text.to_owned()))
        });
        Message { author, text, at, own }
    }

    fn delivered(&mut self, now: Tick) {
        if let Some(finishing) = &mut self.finishing {
            finishing.give_up_at = now.after(finishing.patience);
        }
        self.leave_if_finished();
    }

    fn leave_if_finished(&mut self) {
        if self.welcomed && self.finishing.is_some() && self.pending.is_empty() {
            self.leave();
        }
    }

    fn end(&mut self, ending: Ending) {
        if !self.ended {
            self.ended = true;
            self.tell(Event::Ended(ending));
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// Python clients parse `[` before a letter, `#`, `/` or `@` as markup, and one
/// unmatched tag disconnects them all: a zero-width space between the two
/// prevents it (PROTOCOL 3.4).
fn without_markup(text: &str) -> Zeroizing<String> {
    // Wiped where it is, so it must not move: at worst every second character grows.
    let mut tame = Zeroizing::new(String::with_capacity(3 * text.len()));
    let mut previous = '\0';
    for c in text.chars() {
        if previous == '[' && matches!(c, 'a'..='z' | '#' | '/' | '@') {
            tame.push('\u{200b}');
        }
        tame.push(c);
        previous = c;
    }
    tame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_defused_and_all_else_is_left_alone() {
        assert_eq!(
            without_markup("[/nope] [a][1] [[b] x").as_str(),
            "[\u{200b}/nope] [\u{200b}a][1] [[\u{200b}b] x"
        );
        assert_eq!(without_markup("[ok").as_str(), "[\u{200b}ok");
        assert_eq!(without_markup("plain [A] 漢é").as_str(), "plain [A] 漢é");
    }
}
