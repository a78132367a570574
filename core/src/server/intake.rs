//! A member's lines, read as fast as the member may talk.

use crate::{
    inbox::{Inbox, Line, TooLong},
    server::{
        limits::{Limits, Rate},
        pace::Pace,
    },
    strict::Unusable,
    time::Tick,
    violation::Violation,
    wire::{self, Request},
};

/// Turns one member's bytes into requests.
///
/// A member who talks too fast is read more slowly: lines wait in the inbox,
/// the socket, and at last at the member. None is lost.
#[derive(Debug)]
pub struct Intake {
    pace: Option<Pace>,
    clears: Pace,
    clear_allowed: bool,
}

/// What a member's stream holds next.
#[derive(Debug)]
pub enum Intent {
    /// Something for the room.
    Request(Request),
    /// Nothing yet: read on.
    NeedsInput,
    /// Do not read before this moment.
    NeedsTime(Tick),
    /// The member closed its side.
    End,
    /// The member broke the protocol; its connection is to end.
    Broken(Violation),
}

impl Intake {
    /// For one member just seated.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            pace: limits.messages.map(Pace::new),
            clears: Pace::new(Rate { burst: 1, interval: limits.clear_interval }),
            clear_allowed: limits.clear_allowed,
        }
    }

    /// Takes lines until one of them means something. Lines that are to be
    /// ignored count against the rate as well: they cost the same.
    pub fn next(&mut self, now: Tick, inbox: &mut Inbox) -> Intent {
        inbox.set_bound(wire::MAX_LINE);
        loop {
            let ready = self.pace.as_ref().map_or(now, |pace| pace.ready_at(now));
            if ready > now {
                return Intent::NeedsTime(ready);
            }
            let read = match inbox.take() {
                Ok(Line::Whole(line) | Line::Last(line)) => wire::read_request(line),
                Ok(Line::Incomplete) => return Intent::NeedsInput,
                Ok(Line::End) => return Intent::End,
                Err(TooLong) => return Intent::Broken(Violation::LineTooLong),
            };
            if let Some(pace) = &mut self.pace {
                pace.count(now);
            }
            match read {
                Ok(Some(Request::Clear)) if !self.may_clear(now) => {}
                Ok(Some(request)) => return Intent::Request(request),
                Ok(None) | Err(Unusable::NotJson) => {}
                Err(Unusable::NotUtf8) => return Intent::Broken(Violation::NotUtf8),
                Err(Unusable::NotAnObject) => return Intent::Broken(Violation::NotAnObject),
            }
        }
    }

    fn may_clear(&mut self, now: Tick) -> bool {
        let may = self.clear_allowed && self.clears.ready_at(now) == now;
        if may {
            self.clears.count(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(millis: u64) -> Tick {
        Tick::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn a_flood_is_read_at_the_rate_and_none_of_it_is_lost() {
        let mut intake = Intake::new(&Limits::default());
        let mut inbox = Inbox::new(0);
        for n in 0..200 {
            inbox.push(format!("{{\"type\":\"message\",\"text\":\"{n}\"}}\n").as_bytes());
        }
        inbox.end();
        let (mut now, mut said) = (at(0), 0);
        loop {
            match intake.next(now, &mut inbox) {
                Intent::Request(request) => {
                    assert_eq!(request, Request::Say(wire::Token::new(said.to_string()).unwrap()));
                    said += 1;
                }
                Intent::NeedsTime(until) => now = until,
                Intent::End => break,
                Intent::NeedsInput | Intent::Broken(_) => panic!("a whole stream of honest lines"),
            }
        }
        // 60 at once, then 20 a second; the end of the stream waits its turn.
        assert_eq!((said, now), (200, at(141 * 50)));
    }

    #[test]
    fn clear_is_heeded_once_in_ten_seconds() {
        let mut intake = Intake::new(&Limits::default());
        let mut inbox = Inbox::new(0);
        let mut heeded = |now| {
            inbox.push(b"{\"type\":\"clear\"}\n");
            matches!(intake.next(now, &mut inbox), Intent::Request(Request::Clear))
        };
        assert!(heeded(at(0)));
        assert!(!heeded(at(9_999)));
        assert!(heeded(at(10_000)));
    }

    #[test]
    fn lines_that_end_a_connection_and_lines_that_do_not() {
        for (line, fatal) in [
            ("garbage", None),
            ("", None),
            ("{}", None),
            ("[]", Some(Violation::NotAnObject)),
            ("5", Some(Violation::NotAnObject)),
        ] {
            let mut inbox = Inbox::new(0);
            inbox.push(line.as_bytes());
            inbox.push(b"\n");
            let intent = Intake::new(&Limits::default()).next(at(0), &mut inbox);
            match (intent, fatal) {
                (Intent::NeedsInput, None) => {}
                (Intent::Broken(violation), Some(expected)) => assert_eq!(violation, expected),
                (other, _) => panic!("{line}: {other:?}"),
            }
        }
    }
}
