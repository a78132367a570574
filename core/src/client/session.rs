//! A client in the room.
//!
//! Theory of operation. The session turns the server's lines into events and
//! the person's words into lines. Each text sent stays pending until the
//! server has echoed its token: only then has the room heard it. Nothing the
//! server sends can end the session but the end of its stream and a line over
//! [`MAX_LINE`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use zeroize::Zeroizing;

use crate::{
    client::{
        event::{
            Ended, Ending, Event, Message, Mode, NotSent, Reference, Standing, Unconfirmed, Welcome,
        },
        guest::Guest,
        news::{Data, News, User},
    },
    fernet::RoomKey,
    fingerprint::Fingerprint,
    frame::Frame,
    inbox::{Inbox, Line, TooLong},
    name::Name,
    seed::Rng,
    time::Tick,
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
    guest: Arc<Guest>,
    fingerprint: Fingerprint,
    key: RoomKey,
    rng: Rng,
    members: BTreeMap<String, Untrusted>,
    /// Ids of the history: a message may stand in `init` and in the stream.
    history: BTreeSet<String>,
    pending: VecDeque<Unconfirmed>,
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

/// What is to be done outside, in this order.
#[derive(Debug)]
pub enum Output {
    /// Write this to the server.
    Send(Frame),
    /// Tell the person.
    Event(Event),
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
    pub(crate) fn new(
        guest: Arc<Guest>,
        fingerprint: Fingerprint,
        key: RoomKey,
        unconfirmed: Vec<Unconfirmed>,
        rng: Rng,
    ) -> Self {
        Self {
            guest,
            fingerprint,
            key,
            rng,
            members: BTreeMap::new(),
            history: BTreeSet::new(),
            pending: unconfirmed.into(),
            welcomed: false,
            finishing: None,
            ended: false,
            outputs: VecDeque::new(),
        }
    }

    /// The name this client asked for.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.guest.name()
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
                self.end(Ending::Closed);
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

    /// Encrypts `text` and sends it; [`Event::NotSent`] says if that is not
    /// possible. `reference` is the caller's own, and no other pending text's.
    /// What is said before [`Event::Ready`] goes out with it.
    pub fn say(&mut self, now: Tick, reference: Reference, text: Zeroizing<String>) {
        if let Err(why) = self.try_say(now, reference, text) {
            self.tell(Event::NotSent(reference, why));
        }
    }

    fn try_say(
        &mut self,
        now: Tick,
        reference: Reference,
        text: Zeroizing<String>,
    ) -> Result<(), NotSent> {
        if self.ended || self.finishing.is_some() {
            return Err(NotSent::Ended);
        }
        if text.len() > wire::MAX_TEXT {
            return Err(NotSent::TooLong);
        }
        let sealed = self.key.seal(
            self.guest.epoch.unix_seconds(now),
            self.rng.bytes(),
            without_markup(&text).as_bytes(),
        );
        let token = Token::new(sealed).ok_or(NotSent::TooLong)?;
        if self.welcomed {
            self.outputs.push_back(Output::Send(wire::say(&token)));
        }
        self.pending.push_back(Unconfirmed { reference, text, token });
        Ok(())
    }

    /// Asks for [`Event::Standing`].
    pub fn compare(&mut self) {
        self.tell(Event::Standing(Standing { view: None, fingerprint: self.fingerprint }));
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
        self.end(Ending::Left);
    }

    /// The connection failed.
    pub fn lose(&mut self) {
        self.end(Ending::Lost);
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
                let welcome = Welcome {
                    mode: Mode::Open,
                    fingerprint: self.fingerprint,
                    members: names,
                    history,
                };
                self.tell(Event::Ready(welcome));
                if !std::mem::replace(&mut self.welcomed, true) {
                    self.say_pending();
                }
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
                self.tell(Event::Cleared(None));
            }
            News::Unknown => {}
        }
    }

    /// What an earlier session said and the history does not hold, with the same
    /// token; then what was said too early.
    fn say_pending(&mut self) {
        let again = self.pending.iter().map(|text| Output::Send(wire::say(&text.token)));
        self.outputs.extend(again);
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
        let echo = self.pending.iter().position(|sent| sent.token.as_str() == token);
        let own = echo.and_then(|at| self.pending.remove(at)).map(|sent| sent.reference);
        let text = self.key.open(&token).ok().and_then(|opened| {
            let text = std::str::from_utf8(&opened.text).ok()?;
            Some(Untrusted::new(text.to_owned()))
        });
        Message { author, text, at, own, doubts: Vec::new() }
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
            let unconfirmed = std::mem::take(&mut self.pending).into();
            self.tell(Event::Ended(Ended { ending, unconfirmed }));
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
