//! The client without I/O.

use std::{sync::Arc, time::Duration};

use cmdchat_core::{
    client::{
        ClientConfig, Event, Login, LoginFailure, ReadStatus, SendId, Session, SessionOutput,
    },
    time::Tick,
    transport::line_decoder::LineDecoder,
    username::Username,
};

use super::{Settled, lines, settle};
use crate::{PASSWORD, epoch, password, seed};

/// A client without I/O: a login, then a session.
pub struct Client {
    now: Tick,
    decoder: LineDecoder,
    state: State,
    written: Vec<u8>,
    events: Vec<Event>,
    said: u64,
}

enum State {
    Login(Box<Login>),
    Member(Box<Session>),
    /// The login failed.
    Failed(LoginFailure),
    /// Placeholder during a transition between two states.
    Moving,
}

impl Client {
    /// Login timeout.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// Creates a client with username `name` and [`PASSWORD`] over protocol 1, which has
    /// written line 1.
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a valid username.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let name = Username::new(name).expect("a proper name");
        Self::of(ClientConfig::new(name, password(PASSWORD), epoch()).v1_only())
    }

    /// Creates a client with this configuration, which has written line 1.
    #[must_use]
    pub fn of(guest: ClientConfig) -> Self {
        let own_seed = seed(2).fork(guest.name().as_str(), 0);
        let login = Login::new(Arc::new(guest), Tick::ZERO, Self::TIMEOUT, &own_seed);
        let mut client = Self {
            now: Tick::ZERO,
            decoder: LineDecoder::new(0),
            state: State::Login(Box::new(login)),
            written: Vec::new(),
            events: Vec::new(),
            said: 0,
        };
        client.advance();
        client
    }

    /// Feeds bytes from the server.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
        self.advance();
    }

    /// Feeds a line from the server.
    pub fn hear_line(&mut self, line: &str) {
        self.hear(format!("{line}\n").as_bytes());
    }

    /// Signals that the server has closed its side.
    pub fn end(&mut self) {
        self.decoder.feed_eof();
        self.advance();
    }

    /// Advances virtual time.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.advance();
    }

    /// Sends `text`, if the client is logged in.
    pub fn say(&mut self, text: &str) {
        if let State::Member(session) = &mut self.state {
            let reference = SendId(self.said);
            self.said += 1;
            session.send(self.now, reference, text.to_owned().into());
        }
        self.advance();
    }

    /// Returns the lines the client has sent since the last call.
    pub fn lines(&mut self) -> Vec<String> {
        lines(&mut self.written)
    }

    /// Returns the events since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Returns whether the client is in the room.
    #[must_use]
    pub const fn is_in(&self) -> bool {
        matches!(self.state, State::Member(_))
    }

    /// Returns the reason the login failed, if it did.
    #[must_use]
    pub const fn failure(&self) -> Option<&LoginFailure> {
        if let State::Failed(why) = &self.state { Some(why) } else { None }
    }

    fn advance(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Moving) {
            State::Login(login) => {
                match settle(*login, &mut self.now, &mut self.decoder, &mut self.written) {
                    Settled::Waits(login) => State::Login(Box::new(login)),
                    Settled::Refused(refused) => State::Failed(refused.reason),
                    Settled::Done(session) => State::Member(Box::new(session)),
                }
            }
            state @ (State::Member(_) | State::Failed(_) | State::Moving) => state,
        };
        if let State::Member(session) = &mut self.state {
            loop {
                let progress = session.handle_input(self.now, &mut self.decoder);
                while let Some(output) = session.poll_output() {
                    match output {
                        SessionOutput::Send(frame) => self.written.extend(frame.bytes()),
                        SessionOutput::Event(event) => self.events.push(event),
                    }
                }
                if progress != ReadStatus::Line {
                    break;
                }
            }
        }
    }
}
