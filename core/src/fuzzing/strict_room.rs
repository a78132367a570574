#![expect(clippy::panic, reason = "an event that must not come is what this looks for")]

use std::{collections::VecDeque, io::IoSlice, net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{
    established::established,
    fixtures::{room_key, seed},
};
use crate::{
    client::{
        self, ClientConfig, CloseReason, Event, ReadStatus, RoomState, RoomWarning, SendId, Session,
    },
    room_kind::RoomKind,
    secret::Password,
    server::{
        Admission, Admitted, Inbound, LeaveReason, Limits, MemberId, RequestReader, Room,
        RoomInput, RoomOutput,
    },
    time::{Epoch, Tick},
    transport::broadcast::{LogCursor, MAX_IO_SLICES},
    transport::frame::Frame,
    transport::line_decoder::LineDecoder,
    username::Username,
    wire::FernetToken,
};

/// Checks strict rooms with an honest relay. No member receives a warning or an
/// unattributable message, whichever members join, send, clear and leave. Neither
/// late delivery nor a truncated history changes that. All remaining members end
/// with the same chain hash once everything has arrived.
///
/// Each two bytes are an action: its kind, and its member or amount.
pub fn strict_room(data: &[u8]) {
    let mut server = TestServer::new();
    let acts = data.chunks_exact(2).take(MOST_ACTS);
    acts.for_each(|act| server.act(act[0] % 8, usize::from(act[1])));
    server.settle();
}

/// Maximum number of actions. With [`STEP`], they take less than the 90 s after
/// which an idle link times out, and the 300 s after which a message is late.
const MOST_ACTS: usize = 300;
const STEP: Duration = Duration::from_millis(80);
/// Minimum time between two clear requests of one member.
const CLEAR: Duration = Duration::from_millis(200);
const NAMES: [&str; 5] = ["alice", "bob", "carol", "dora", "Боб 😀"];
const EPOCH: Epoch = Epoch::new(Timestamp::UNIX_EPOCH);

struct TestServer {
    now: Tick,
    admission: Admission,
    room: Room,
    limits: Limits,
    guests: Vec<Arc<ClientConfig>>,
    people: Vec<Person>,
    came: u64,
}

/// A member with both ends of its link and the data in transit, until the server
/// has received its `bye`.
struct Person {
    seat: MemberId,
    session: Session,
    cursor: LogCursor,
    from_server: LineDecoder,
    sent: VecDeque<Frame>,
    intake: RequestReader,
    to_server: LineDecoder,
    said: u64,
    standing: Option<RoomState>,
    left: bool,
}

impl TestServer {
    fn new() -> Self {
        // The history is short, so that it is truncated all the time. No member
        // is too slow.
        let clear_interval = CLEAR;
        let limits = Limits {
            max_history: Some(4),
            stall_timeout: None,
            clear_interval,
            ..Limits::default()
        };
        let config = |name: &&str| {
            let password = Password::new(Zeroizing::default());
            Some(Arc::new(ClientConfig::new(Username::new(name).ok()?, password, EPOCH)))
        };
        Self {
            now: Tick::ZERO,
            admission: Admission::new(&limits),
            room: Room::new(&limits, RoomKind::Strict, EPOCH, &seed(5)),
            guests: NAMES.iter().filter_map(config).collect(),
            people: Vec::new(),
            came: 0,
            limits,
        }
    }

    fn act(&mut self, what: u8, how: usize) {
        let now = self.now;
        let who = how.checked_rem(self.people.len()).unwrap_or_default();
        let much = 1 + how / 16;
        match (what, self.people.get_mut(who).filter(|person| !person.left)) {
            (0, _) => self.join(how),
            (1, _) => {
                self.now = now.saturating_add(STEP * (how % 4) as u32);
                self.people.iter_mut().for_each(|person| person.session.handle_timeout(self.now));
            }
            (2 | 3, Some(person)) => {
                person.session.send(now, SendId(person.said), "x".repeat(how).into());
                person.said += 1;
            }
            (4, Some(person)) if how < 64 => person.session.clear(now),
            (4 | 5, _) => {
                self.hear(who, much);
            }
            (6, Some(person)) if how < 32 => person.session.close(),
            (_, Some(person)) => {
                person.listen(now, much * 500);
            }
            (_, None) => {}
        }
        self.people.iter_mut().for_each(Person::collect);
    }

    fn join(&mut self, how: usize) {
        let Some(config) = self.guests.get(how % NAMES.len()).map(Arc::clone) else { return };
        let pass = self.admission.try_login(self.now, IpAddr::from([127, 0, 0, 1]));
        let seat = pass.and_then(|mut pass| pass.claim_slot(self.now, config.name().clone()).ok());
        let Some(seat) = seat else { return };
        self.came += 1;
        let (session, hello, (sealer, opener)) =
            established(&config, room_key(), self.came, self.now);
        let seat_id = seat.id();
        let mut admitted = Admitted {
            slot: seat,
            user_id: format!("id-{}", self.came),
            sealer: Some(sealer),
            opener: Some(opener),
            kdf: RoomKind::Strict,
            history: None,
            hello: FernetToken::new(hello),
        };
        let intake = RequestReader::new(&self.limits, self.now, &mut admitted);
        let Some(cursor) = self.tell(RoomInput::Joined(admitted)) else { return };
        self.people.push(Person {
            seat: seat_id,
            session,
            cursor,
            from_server: LineDecoder::new(0),
            sent: VecDeque::new(),
            intake,
            to_server: LineDecoder::new(0),
            said: 0,
            standing: None,
            left: false,
        });
    }

    /// Lets the server read a member's next lines. Returns `true` if there were
    /// any, or if some have to wait.
    fn hear(&mut self, who: usize, lines: usize) -> bool {
        let mut busy = false;
        let Some(person) = self.people.get_mut(who) else { return busy };
        for frame in person.sent.drain(..lines.min(person.sent.len())) {
            person.to_server.feed(frame.bytes());
        }
        while let Some(person) = self.people.get_mut(who) {
            let seat = person.seat;
            match person.intake.next(self.now, &mut person.to_server) {
                Inbound::Request(request) => {
                    self.tell(RoomInput::Request(seat, request));
                }
                Inbound::Reply(frame) => person.cursor.handle().send_direct(frame),
                Inbound::NeedsInput(_) => return busy,
                Inbound::WaitUntil(_) => return true,
                Inbound::Closed(reason) => {
                    assert_eq!(reason, LeaveReason::Closed, "members leave in order");
                    self.people.remove(who);
                    self.tell(RoomInput::Left(seat, reason));
                    return true;
                }
            }
            busy = true;
        }
        busy
    }

    /// Passes one input to the room. Returns the cursor of a new member.
    fn tell(&mut self, input: RoomInput) -> Option<LogCursor> {
        self.room.handle(self.now, input);
        self.room.publish(self.now);
        let mut admitted = None;
        while let Some(output) = self.room.poll_output() {
            if let RoomOutput::Attach(_, cursor) = output {
                admitted = Some(cursor);
            }
        }
        admitted
    }

    /// Delivers all data in transit, including requests that have to wait.
    fn settle(&mut self) {
        let mut busy = true;
        while busy {
            // Clear requests have to wait, and so do the requests behind them.
            self.now = self.now.saturating_add(CLEAR);
            self.room.publish(self.now);
            busy = false;
            for who in (0..self.people.len()).rev() {
                busy |= self.hear(who, usize::MAX);
            }
            for person in &mut self.people {
                busy |= person.listen(self.now, usize::MAX);
                person.collect();
            }
        }
        for person in &mut self.people {
            person.session.request_fingerprint();
            person.collect();
        }
        let mut present = self.people.iter().filter(|person| !person.left);
        let first = present.next().and_then(|person| person.standing.clone());
        for person in present {
            assert_eq!(person.standing, first, "all members agree");
        }
    }
}

impl Person {
    /// Receives at most `most` bytes from the server. Returns `true` if there
    /// were any.
    fn listen(&mut self, now: Tick, most: usize) -> bool {
        let mut left = most;
        while left > 0 {
            let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
            let pending = self.cursor.chunks_vectored(&mut slices).iter();
            let pending: Vec<u8> = pending.flat_map(|slice| slice.to_vec()).collect();
            let taken = pending.len().min(left);
            if taken == 0 {
                break;
            }
            self.from_server.feed(pending.get(..taken).unwrap_or_default());
            self.cursor.advance(now, taken);
            left -= taken;
        }
        while self.session.handle_input(now, &mut self.from_server) == ReadStatus::Line {}
        left < most
    }

    fn collect(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                client::SessionOutput::Send(frame) => self.sent.push_back(frame),
                client::SessionOutput::Event(event) => self.hear(event),
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Ready(welcome) => {
                let mut history = welcome.history.iter();
                assert!(history.all(|said| said.doubts.is_empty() && said.text.is_some()));
            }
            Event::Message(message) => {
                assert!(message.doubts.is_empty() && message.text.is_some(), "{message:?}");
            }
            Event::HistoryCleared(by, doubts) => {
                assert!(by.is_some() && doubts.is_empty(), "{doubts:?}")
            }
            Event::RoomState(standing) => self.standing = Some(standing),
            Event::Ended(ended) => {
                self.left = true;
                assert!(
                    matches!(
                        ended.reason,
                        CloseReason::LocallyClosed | CloseReason::ClosedByServer
                    ),
                    "{ended:?}"
                );
            }
            // Messages may be late here, and `Unacknowledged` is then correct.
            Event::Joined(..) | Event::Left(..) | Event::Unacknowledged(_) => {}
            // A member that comes back has missed something.
            Event::RoomWarning(RoomWarning::Missed(_)) => {}
            Event::Rejected(_)
            | Event::RoomWarning(_)
            | Event::Notice(_)
            | Event::SendFailed(..) => {
                panic!("impossible with an honest relay: {event:?}")
            }
        }
    }
}
