#![expect(clippy::panic, reason = "an event that must not come is what this looks for")]

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    Op, Plan, Script,
    fixtures::{room_key, seed},
};
use crate::{
    client::{
        ClientConfig, CloseReason, Established, Event, ReadStatus, SendError, SendId, Session,
        SessionEnd, SessionOutput, Welcome,
    },
    crypto::fernet::RoomKey,
    crypto::srp::Salt,
    fingerprint::RoomHash,
    room_kind::RoomKind,
    secret::Password,
    time::{Epoch, Tick},
    transport::line_decoder::LineDecoder,
    username::Username,
    wire::{self, Request},
};

/// Checks sessions of protocol 1. Only the end of the server's stream ends a
/// session. Each line causes at most one event. The session writes only what the
/// caller requested. It reports each message as acknowledged at most once.
pub fn session(data: &[u8]) {
    let (plan, rest) = Plan::split(data);
    let mut script = Script::new(plan, rest);
    let mut person = Person::new();
    let mut decoder = LineDecoder::new(0);
    while let Some(act) = script.next(|sign| person.token(sign)) {
        match act {
            Op::Send(piece) => {
                decoder.feed(&piece);
                person.listen(&mut decoder);
            }
            Op::Sign(sign) => person.act(sign),
        }
    }
    decoder.feed_eof();
    person.listen(&mut decoder);
    assert!(person.ended, "the end of the stream ends the session");
    person.too_late();
}

struct Person {
    session: Session,
    /// A second copy of the room key, to inspect the sealed messages.
    key: RoomKey,
    now: Tick,
    said: Vec<String>,
    /// Tokens of the unacknowledged messages.
    unheard: VecDeque<(SendId, String)>,
    present: Option<usize>,
    leaving: bool,
    ended: bool,
}

const PATIENCE: Duration = Duration::from_secs(10);

impl Person {
    #[expect(
        clippy::expect_used,
        reason = "should it ever be refused, this is the place to say so"
    )]
    fn new() -> Self {
        let name = Username::new("eve").expect("an ordinary name");
        let epoch = Epoch::new(jiff::Timestamp::UNIX_EPOCH);
        let password = Password::new(Vec::new().into());
        let room = RoomHash::new(RoomKind::Classic, &[0; 16], &Salt::from([1; 16]));
        let config = Arc::new(ClientConfig::new(name, password, epoch));
        let mut session = Session::new(
            Established {
                config,
                room,
                key: room_key(),
                kdf: RoomKind::Classic,
                says_bye: false,
                keys: None,
                now: Tick::ZERO,
            },
            Vec::new(),
            seed(4).rng(),
        );
        // The `init` message, so that messages are sent at once.
        let mut decoder = LineDecoder::new(0);
        decoder.feed(b"{\"type\":\"init\"}\n");
        session.handle_input(Tick::ZERO, &mut decoder);
        let _ready = session.poll_output();
        Self {
            session,
            key: room_key(),
            now: Tick::ZERO,
            said: Vec::new(),
            unheard: VecDeque::new(),
            present: None,
            leaving: false,
            ended: false,
        }
    }

    /// Returns a token that a server could have seen before.
    fn token(&self, sign: u8) -> Option<Vec<u8>> {
        let own = |token: Option<&(SendId, String)>| {
            Some(token.map_or_else(Vec::new, |(_, token)| token.clone().into_bytes()))
        };
        match sign {
            1 => Some(self.key.seal(5, [9; 16], "somebody's [/x]".as_bytes()).into_bytes()),
            2 => own(self.unheard.front()),
            3 => own(self.unheard.back()),
            _ => None,
        }
    }

    fn act(&mut self, sign: u8) {
        match sign {
            4 => {
                let text = ["first", "[/x] [b]", ""][self.said.len() % 3];
                let reference = SendId(self.said.len() as u64);
                self.session.send(self.now, reference, text.to_owned().into());
                self.said.push(text.replace("[/", "[\u{200b}/").replace("[b", "[\u{200b}b"));
            }
            5 => self.session.clear(self.now),
            6 => {
                self.leaving = true;
                self.session.drain(self.now, PATIENCE);
            }
            7 => {
                self.now = self.now.saturating_add(PATIENCE / 2);
                self.session.handle_timeout(self.now);
            }
            _ => {
                self.leaving = true;
                self.session.close();
            }
        }
        let late = self.ended || (self.leaving && sign == 4);
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::Send(frame) => {
                    assert!(!late, "nothing is sent after leaving");
                    match wire::read_request(frame.bytes()) {
                        Ok(Some(Request::Message(token))) if sign == 4 => self.sent(token.as_str()),
                        Ok(Some(Request::ClearHistory(None))) if sign == 5 => {}
                        other => panic!("not asked for: {other:?}"),
                    }
                }
                SessionOutput::Event(Event::SendFailed(_, SendError::Ended)) if late => {
                    self.said.pop();
                }
                SessionOutput::Event(Event::Ended(ended)) => self.end(&ended),
                SessionOutput::Event(Event::Unacknowledged(_)) => {}
                SessionOutput::Event(other) => panic!("unexpected event: {other:?}"),
            }
        }
    }

    fn sent(&mut self, token: &str) {
        let opened = self.key.open(token);
        let text = self.said.last().map(String::as_bytes);
        assert_eq!(opened.ok().as_ref().map(|opened| opened.text.as_slice()), text);
        self.unheard.push_back((SendId(self.said.len() as u64 - 1), token.to_owned()));
    }

    fn listen(&mut self, decoder: &mut LineDecoder) {
        loop {
            let progress = self.session.handle_input(self.now, decoder);
            let mut events = 0;
            while let Some(output) = self.session.poll_output() {
                match output {
                    SessionOutput::Event(Event::Ended(ended)) => self.end(&ended),
                    SessionOutput::Event(Event::Unacknowledged(_)) => {}
                    SessionOutput::Event(event) => {
                        assert!(!self.ended, "the end is the last event");
                        events += 1;
                        self.hear(event);
                    }
                    SessionOutput::Send(_) => panic!("a server never makes a client send"),
                }
            }
            assert_eq!(self.session.pending(), self.unheard.len());
            assert!(events <= usize::from(progress == ReadStatus::Line), "one line, one event");
            assert_eq!(progress == ReadStatus::Ended, self.ended && events == 0);
            if progress != ReadStatus::Line {
                return;
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Ready(Welcome { history, .. }) => {
                self.present = None;
                history.into_iter().for_each(|message| self.heard(message.own));
            }
            Event::Message(message) => {
                if let Some(SendId(own)) = message.own {
                    let said = self.said.get(own as usize).map(String::as_str);
                    assert_eq!(message.text.as_ref().map(|text| text.raw()), said);
                }
                self.heard(message.own);
            }
            Event::Joined(_, present) => {
                assert!(present > 0 && self.present.is_none_or(|before| present == before + 1));
                self.present = Some(present);
            }
            Event::Left(_, present) => {
                assert!(self.present.is_none_or(|before| present + 1 == before));
                self.present = Some(present);
            }
            Event::HistoryCleared(..) => {}
            Event::Rejected(_)
            | Event::Notice(_)
            | Event::SendFailed(..)
            | Event::Unacknowledged(_)
            | Event::RoomWarning(_)
            | Event::RoomState(_)
            | Event::Ended(_) => panic!("impossible event in protocol 1"),
        }
    }

    fn heard(&mut self, own: Option<SendId>) {
        let Some(own) = own else { return };
        let at = self.unheard.iter().position(|(reference, _)| *reference == own);
        assert!(at.is_some(), "acknowledged once, and only if sent");
        self.unheard.remove(at.unwrap_or_default());
    }

    fn end(&mut self, ended: &SessionEnd) {
        assert!(!self.ended, "ended once");
        self.ended = true;
        let unconfirmed = ended.unconfirmed.iter().map(|text| text.reference);
        assert!(unconfirmed.eq(self.unheard.drain(..).map(|(reference, _)| reference)));
        match ended.reason {
            CloseReason::LocallyClosed => assert!(self.leaving),
            CloseReason::ClosedByServer | CloseReason::ServerRestarts => {}
            CloseReason::ConnectionLost
            | CloseReason::TimedOut
            | CloseReason::LineTooLong
            | CloseReason::Tampered
            | CloseReason::ServerMisbehaved => panic!("none of these happened"),
        }
    }

    /// Checks that every call after the end is harmless.
    fn too_late(&mut self) {
        for sign in 4..=8 {
            self.act(sign);
        }
        assert_eq!(self.session.poll_timeout(), None);
    }
}
