//! One session, as whoever lets a program speak sees it: what happens next, and
//! what is on its way.
//!
//! Theory of operation. Commands go through an `Outbox`, beside everything
//! else. Input is read on when all that was read is on its way and most of it
//! has come back. A request to leave overtakes what has not been read yet; a
//! second one does not wait for anything.

use std::time::Duration;

use async_channel::Receiver;
use cmdchat_core::client::{Ended, Ending, Event, Reference};
use cmdchat_drivers::connect::{Command, Joined};
use futures_lite::future;
use zeroize::Zeroizing;

use super::{chat::Parting, keyboard::Typed, outbox::Outbox};

/// Texts that may be on their way: fewer than the session takes, so that it
/// always has an ear for a request to leave.
const UNANSWERED: usize = 32;
/// How long whoever is told to leave waits for what was said last.
const FAREWELL: Duration = Duration::from_secs(2);

/// A session and its input.
pub struct Talk {
    outbox: Outbox,
    events: Receiver<Event>,
    signals: Receiver<()>,
    typed: Receiver<Typed>,
    /// How long to wait for echoes at the end.
    patience: Duration,
    /// Texts said so far.
    said: u64,
    /// Texts that have not come back.
    unanswered: usize,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Talking,
    /// No more input is taken.
    Finishing,
    /// The same, at somebody's wish.
    Leaving,
    Gone,
}

/// What happens next.
#[derive(Debug)]
pub enum Next {
    /// Something in the room; never the end.
    Event(Event),
    /// Something of the input; never its end.
    Typed(Typed),
    /// The end.
    Over(Parting),
}

enum Wake {
    Event(Event),
    Typed(Typed),
    Sent,
    Signal,
    Dead,
}

impl Talk {
    /// Each of `signals` asks to leave; at the end of input the last echoes are
    /// waited for as long as `patience`.
    #[must_use]
    pub fn new(
        joined: Joined,
        patience: Duration,
        signals: Receiver<()>,
        typed: Receiver<Typed>,
    ) -> Self {
        let mut outbox = Outbox::default();
        outbox.connect(joined.commands);
        Self {
            outbox,
            events: joined.events,
            signals,
            typed,
            patience,
            said: 0,
            unanswered: 0,
            stage: Stage::Talking,
        }
    }

    /// Waits for what happens next.
    pub async fn next(&mut self) -> Next {
        loop {
            if self.stage == Stage::Gone {
                self.patience = Duration::ZERO;
                return self.over(Ending::Left, self.unanswered);
            }
            match self.wake().await {
                // The session always says how it ended; this is its task dying.
                Wake::Dead => return self.over(Ending::Lost, 0),
                Wake::Event(Event::Ended(Ended { ending, unconfirmed })) => {
                    return self.over(ending, unconfirmed.len());
                }
                Wake::Event(event) => {
                    let answers = match &event {
                        Event::Message(message) => message.own.is_some(),
                        Event::NotSent(..) => true,
                        Event::Ready(_)
                        | Event::Rejected(_)
                        | Event::Joined(..)
                        | Event::Left(..)
                        | Event::Cleared(..)
                        | Event::Notice(_)
                        | Event::Overdue(_)
                        | Event::Standing(_)
                        | Event::Ended(_) => false,
                    };
                    self.unanswered = self.unanswered.saturating_sub(usize::from(answers));
                    return Next::Event(event);
                }
                Wake::Typed(Typed::End) => self.finish(),
                Wake::Typed(typed) => return Next::Typed(typed),
                Wake::Sent => {}
                Wake::Signal => self.leave(),
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let takes_input =
            self.stage == Stage::Talking && self.outbox.is_empty() && self.unanswered < UNANSWERED;
        let event = async { self.events.recv().await.map_or(Wake::Dead, Wake::Event) };
        let signal = async {
            match self.signals.recv().await {
                Ok(()) => Wake::Signal,
                Err(_) => future::pending().await,
            }
        };
        let typed = async {
            if !takes_input {
                return future::pending().await;
            }
            match self.typed.recv().await {
                Ok(typed) => Wake::Typed(typed),
                Err(_) => future::pending().await,
            }
        };
        let sent = async {
            self.outbox.send_one().await;
            Wake::Sent
        };
        future::or(future::or(signal, event), future::or(sent, typed)).await
    }

    fn over(&self, ending: Ending, undelivered: usize) -> Next {
        Next::Over(Parting { ending, undelivered, unsent: 0, patience: self.patience, tried: None })
    }

    /// Says `text` to the room; its echo will have this reference.
    pub fn say(&mut self, text: Zeroizing<String>) -> Reference {
        let reference = Reference(self.said);
        self.said += 1;
        self.unanswered += 1;
        self.outbox.put(Command::Say(reference, text));
        reference
    }

    /// Asks for something else than leaving.
    pub fn ask(&mut self, command: Command) {
        self.outbox.put(command);
    }

    /// No more input; the end comes when all that was said has come back.
    pub fn finish(&mut self) {
        if self.stage == Stage::Talking {
            self.stage = Stage::Finishing;
            self.outbox.put(Command::Finish(self.patience));
        }
    }

    /// Away, but for a moment in which the last words may come back; whoever
    /// asks again is gone at once.
    pub fn leave(&mut self) {
        if self.stage == Stage::Leaving {
            self.stage = Stage::Gone;
        } else {
            self.stage = Stage::Leaving;
            self.patience = FAREWELL;
            self.outbox.put(Command::Finish(FAREWELL));
        }
    }
}
