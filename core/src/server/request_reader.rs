//! Reads one member's requests, subject to its rate limit.

use crate::{
    error::{self, ProtocolError},
    room_kind::RoomKind,
    server::{
        limits::{Limits, Rate},
        login::Admitted,
        rate_limit::RateLimiter,
        room::LeaveReason,
    },
    time::Tick,
    transport::frame::Frame,
    transport::keepalive::KeepaliveAction,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    transport::record_layer::{RecordError, RecordReader},
    wire::json::strict::JsonError,
    wire::{self, ClientMessage, Request},
};

/// The reader that decodes one member's bytes into requests.
///
/// It delays the reading of a member that exceeds its rate. The lines wait in the
/// decoder, then in the socket buffers, and finally at the member. None is lost.
#[derive(Debug)]
pub struct RequestReader {
    pace: Option<RateLimiter>,
    clears: RateLimiter,
    clear_allowed: bool,
    link: Option<Link>,
}

/// The receive state of a sealed link.
#[derive(Debug)]
struct Link {
    reader: RecordReader,
    kdf: RoomKind,
    /// A `clear` request that came too early. Later requests wait behind it.
    held: Option<Request>,
}

/// The next item of a member's stream.
#[derive(Debug)]
pub enum Inbound {
    /// A request to the room.
    Request(Request),
    /// A direct frame to this member alone.
    Reply(Frame),
    /// Read more bytes. Call [`RequestReader::next`] again at this time at the
    /// latest.
    NeedsInput(Option<Tick>),
    /// Do not read before this time.
    WaitUntil(Tick),
    /// The member leaves, for this reason.
    Closed(LeaveReason),
}

impl RequestReader {
    /// Creates the reader of a member that joined at `now`. Takes the record
    /// opener from `admitted`.
    #[must_use]
    pub fn new(limits: &Limits, now: Tick, admitted: &mut Admitted) -> Self {
        let kdf = admitted.kdf;
        let link = admitted.opener.take().map(|opener| Link {
            reader: RecordReader::new(opener, now),
            kdf,
            held: None,
        });
        Self { link, ..Self::open(limits) }
    }

    /// Creates the reader of a member that uses protocol 1.
    #[must_use]
    pub fn open(limits: &Limits) -> Self {
        Self {
            pace: limits.message_rate.map(RateLimiter::new),
            clears: RateLimiter::new(Rate { burst: 1, interval: limits.clear_interval }),
            clear_allowed: limits.allow_clear,
            link: None,
        }
    }

    /// Reads lines up to the next one that has an effect. Ignored lines count
    /// towards the rate limit too, because they cost as much.
    pub fn next(&mut self, now: Tick, decoder: &mut LineDecoder) -> Inbound {
        let intent = match &mut self.link {
            Some(_) => self.next_record(now, decoder),
            None => self.next_line(now, decoder),
        };
        if let (Inbound::WaitUntil(until), Some(link)) = (&intent, &mut self.link) {
            link.reader.keepalive.pause_until(*until);
        }
        intent
    }

    fn next_line(&mut self, now: Tick, decoder: &mut LineDecoder) -> Inbound {
        decoder.set_max_len(wire::MAX_LINE);
        loop {
            if let Some(until) = self.pause(now) {
                return Inbound::WaitUntil(until);
            }
            let read = match decoder.next_line() {
                Ok(Line::Complete(line) | Line::Unterminated(line)) => wire::read_request(line),
                Ok(Line::Incomplete) => return Inbound::NeedsInput(None),
                Ok(Line::Eof) => return Inbound::Closed(LeaveReason::Closed),
                Err(LineTooLong) => return Inbound::broken(ProtocolError::LineTooLong),
            };
            self.count(now);
            match read {
                Ok(Some(Request::ClearHistory(_))) if !self.may_clear(now) => {}
                Ok(Some(request)) => return Inbound::Request(request),
                Ok(None) | Err(JsonError::NotJson) => {}
                Err(JsonError::NotUtf8) => return Inbound::broken(ProtocolError::NotUtf8),
                Err(JsonError::NotAnObject) => return Inbound::broken(ProtocolError::NotAnObject),
            }
        }
    }

    fn next_record(&mut self, now: Tick, decoder: &mut LineDecoder) -> Inbound {
        loop {
            if let Some(until) = self.pause(now) {
                return Inbound::WaitUntil(until);
            }
            let Some(link) = &mut self.link else { return Inbound::Closed(LeaveReason::Closed) };
            let message = if let Some(request) = link.held.take() {
                Ok(ClientMessage::Request(request))
            } else {
                match link.reader.next(now, decoder) {
                    Ok(Some(object)) => wire::read_sealed_request(object, link.kdf),
                    Ok(None) => return link.wait(now),
                    Err(RecordError::Truncated) => {
                        return Inbound::Closed(LeaveReason::ConnectionLost);
                    }
                    Err(RecordError::Tampered) => {
                        return Inbound::broken(ProtocolError::Tampered);
                    }
                }
            };
            match message {
                Ok(ClientMessage::Request(request @ Request::ClearHistory(_))) => {
                    if let Some(intent) = self.clear(now, request) {
                        return intent;
                    }
                }
                Ok(ClientMessage::Request(request)) => {
                    self.count(now);
                    return Inbound::Request(request);
                }
                Ok(ClientMessage::Ping) => {
                    self.count(now);
                    return Inbound::Reply(wire::pong());
                }
                Ok(ClientMessage::Nothing) => self.count(now),
                Ok(ClientMessage::Bye) => return Inbound::Closed(LeaveReason::Closed),
                Err(violation) => return Inbound::broken(violation),
            }
        }
    }

    /// Handles a `clear` request on a sealed link. Accepts it, or holds it back
    /// until it is allowed. Returns `None` if the link is not sealed.
    fn clear(&mut self, now: Tick, request: Request) -> Option<Inbound> {
        let ready = self.clears.ready_at(now);
        let link = self.link.as_mut()?;
        if ready > now {
            link.held = Some(request);
            return Some(Inbound::WaitUntil(ready));
        }
        let strict = link.kdf == RoomKind::Strict;
        self.count(now);
        self.clears.consume(now);
        Some(match (self.clear_allowed, strict) {
            (true, _) => Inbound::Request(request),
            (false, false) => Inbound::Reply(wire::notice(error::NO_CLEAR)),
            // Dropping it would look to the other members as if the server had
            // lost a message.
            (false, true) => Inbound::broken(ProtocolError::ClearForbidden),
        })
    }

    /// Returns when this member may be read again, if not now.
    fn pause(&self, now: Tick) -> Option<Tick> {
        let ready = self.pace.as_ref().map_or(now, |pace| pace.ready_at(now));
        (ready > now).then_some(ready)
    }

    fn count(&mut self, now: Tick) {
        if let Some(pace) = &mut self.pace {
            pace.consume(now);
        }
    }

    fn may_clear(&mut self, now: Tick) -> bool {
        let may = self.clear_allowed && self.clears.ready_at(now) == now;
        if may {
            self.clears.consume(now);
        }
        may
    }
}

impl Link {
    /// Returns what to do when no complete record is available.
    fn wait(&mut self, now: Tick) -> Inbound {
        match self.reader.keepalive.poll(now) {
            KeepaliveAction::None => Inbound::NeedsInput(Some(self.reader.keepalive.deadline())),
            KeepaliveAction::SendPing => Inbound::Reply(wire::ping()),
            KeepaliveAction::TimedOut => Inbound::Closed(LeaveReason::TimedOut),
        }
    }
}

impl Inbound {
    const fn broken(violation: ProtocolError) -> Self {
        Self::Closed(LeaveReason::ProtocolError(violation))
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
    fn flood_is_read_at_the_rate_without_loss() {
        let mut intake = RequestReader::open(&Limits::default());
        let mut decoder = LineDecoder::new(0);
        for n in 0..200 {
            decoder.feed(format!("{{\"type\":\"message\",\"text\":\"{n}\"}}\n").as_bytes());
        }
        decoder.feed_eof();
        let (mut now, mut count) = (at(0), 0);
        loop {
            match intake.next(now, &mut decoder) {
                Inbound::Request(request) => {
                    assert_eq!(
                        request,
                        Request::Message(wire::FernetToken::new(count.to_string()).unwrap())
                    );
                    count += 1;
                }
                Inbound::WaitUntil(until) => now = until,
                Inbound::Closed(LeaveReason::Closed) => break,
                other @ (Inbound::NeedsInput(_) | Inbound::Reply(_) | Inbound::Closed(_)) => {
                    panic!("unexpected for a stream of valid lines: {other:?}")
                }
            }
        }
        // 60 at once, then 20 per second. The end of the stream is subject to the
        // limit too.
        assert_eq!((count, now), (200, at(141 * 50)));
    }

    #[test]
    fn clear_history_is_limited_to_once_per_interval() {
        let mut intake = RequestReader::open(&Limits::default());
        let mut decoder = LineDecoder::new(0);
        let mut heeded = |now| {
            decoder.feed(b"{\"type\":\"clear\"}\n");
            matches!(intake.next(now, &mut decoder), Inbound::Request(Request::ClearHistory(None)))
        };
        assert!(heeded(at(0)));
        assert!(!heeded(at(9_999)));
        assert!(heeded(at(10_000)));
    }

    #[test]
    fn non_object_json_closes_the_connection() {
        for (line, fatal) in [
            ("garbage", None),
            ("", None),
            ("{}", None),
            ("[]", Some(ProtocolError::NotAnObject)),
            ("5", Some(ProtocolError::NotAnObject)),
        ] {
            let mut decoder = LineDecoder::new(0);
            decoder.feed(line.as_bytes());
            decoder.feed(b"\n");
            let intent = RequestReader::open(&Limits::default()).next(at(0), &mut decoder);
            match (intent, fatal) {
                (Inbound::NeedsInput(None), None) => {}
                (Inbound::Closed(LeaveReason::ProtocolError(violation)), Some(expected)) => {
                    assert_eq!(violation, expected)
                }
                (other, _) => panic!("{line}: {other:?}"),
            }
        }
    }
}
