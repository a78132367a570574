use std::{io::IoSlice, net::IpAddr};

use jiff::Timestamp;

use super::*;
use crate::{
    secret::Secret, server::admission::Admission, transport::broadcast::MAX_IO_SLICES,
    transport::record::RecordSealer,
};

struct TestServer {
    admission: Admission,
    room: Room,
}

impl TestServer {
    fn new() -> Self {
        Self::with(&Limits::default())
    }

    fn with(limits: &Limits) -> Self {
        let seed = Seed::new(Secret::take(&mut [1; 32]));
        let room = Room::new(limits, RoomKind::Classic, Epoch::new(Timestamp::UNIX_EPOCH), &seed);
        Self { admission: Admission::new(limits), room }
    }

    fn join(&mut self, name: &str) -> (MemberId, LogCursor) {
        self.join_over(name, None)
    }

    fn join_sealed(&mut self, name: &str) -> (MemberId, LogCursor) {
        self.join_over(name, Some(RecordSealer::new(&Secret::take(&mut [2; 32]))))
    }

    fn join_over(&mut self, name: &str, sealer: Option<RecordSealer>) -> (MemberId, LogCursor) {
        let mut pass = self.admission.try_login(Tick::ZERO, IpAddr::from([127, 0, 0, 1])).unwrap();
        let seat = pass.claim_slot(Tick::ZERO, Username::new(name).unwrap()).unwrap();
        let admitted = Admitted::open(seat, format!("id of {name}"));
        self.handle(RoomInput::Joined(Admitted { sealer, ..admitted }));
        loop {
            if let RoomOutput::Attach(seat, cursor) = self.room.poll_output().unwrap() {
                return (seat, cursor);
            }
        }
    }

    fn say(&mut self, seat: MemberId, text: &str) {
        let token = FernetToken::new(text.to_owned()).unwrap();
        self.handle(RoomInput::Request(seat, Request::Message(token)));
    }

    fn handle(&mut self, input: RoomInput) {
        self.room.handle(Tick::ZERO, input);
    }

    fn publish(&mut self) {
        self.room.publish(Tick::ZERO);
    }

    fn publish_after(&mut self, millis: u64) -> bool {
        self.room.publish(Tick::from_start(Duration::from_millis(millis)))
    }
}

/// Returns all waiting bytes of `cursor`.
fn drain(cursor: &mut LogCursor) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let before = bytes.len();
        for slice in cursor.chunks_vectored(&mut slices) {
            bytes.extend_from_slice(slice);
        }
        if bytes.len() == before {
            return String::from_utf8(bytes).unwrap();
        }
        cursor.advance(Tick::ZERO, bytes.len() - before);
    }
}

#[test]
fn leaving_member_receives_only_earlier_messages() {
    let mut server = TestServer::new();
    let (alice, mut to_alice) = server.join("alice");
    let (bob, mut to_bob) = server.join("bob");
    for text in ["one", "two", "three"] {
        server.say(alice, text);
        server.publish();
        drain(&mut to_alice);
    }
    server.handle(RoomInput::Left(bob, LeaveReason::Closed));
    for text in ["four", "five"] {
        server.say(alice, text);
        server.publish();
        drain(&mut to_alice);
    }
    let heard = drain(&mut to_bob);
    let said: Vec<_> = heard.matches(r#""text":""#).collect();
    assert_eq!(said.len(), 3, "{heard}");
    assert!(heard.contains("one") && heard.contains("two") && heard.contains("three"));
    assert!(to_bob.is_finished());
}

#[test]
fn closing_room_delivers_staged_messages() {
    let mut server = TestServer::new();
    let (alice, mut to_alice) = server.join("alice");
    server.say(alice, "one");
    server.publish();
    server.say(alice, "two");
    server.room.close(Shutdown::Final);
    server.publish();
    let heard = drain(&mut to_alice);
    assert!(heard.contains("one") && heard.contains("two"), "{heard}");
    assert!(to_alice.is_finished());
}

/// Connections write only after `publish` has returned `true`.
#[test]
fn publish_reports_new_events_of_either_protocol() {
    let mut server = TestServer::new();
    let (alice, _to_alice) = server.join("alice");
    assert!(server.room.publish(Tick::ZERO), "for both protocols");
    assert!(!server.room.publish(Tick::ZERO));
    server.handle(RoomInput::BruteForceDetected);
    assert!(server.room.publish(Tick::ZERO), "for protocol 2 alone");
    server.say(alice, "one");
    assert!(server.room.publish(Tick::ZERO));
}

/// Each publication is a write to every member.
#[test]
fn join_announcements_are_batched_for_50_ms() {
    let mut server = TestServer::new();
    let (alice, mut to_alice) = server.join("alice");
    assert!(server.publish_after(0));
    let mut leavers = vec![alice];
    for (came, name) in [(0, "bob"), (49, "carol")] {
        let (seat, mut to_newcomer) = server.join(name);
        leavers.push(seat);
        assert!(!server.publish_after(came));
        assert_eq!(server.room.poll_timeout(), Some(Tick::from_start(Duration::from_millis(50))));
        assert!(drain(&mut to_newcomer).contains("init"), "a new member does not wait");
    }
    assert_eq!(drain(&mut to_alice).matches("user_joined").count(), 0);
    assert!(server.publish_after(50));
    let heard = drain(&mut to_alice);
    assert!(heard.contains("bob") && heard.contains("carol"), "{heard}");

    let anything: [&dyn Fn(&mut TestServer); 3] = [
        &|server| server.say(alice, "one"),
        &|server| server.handle(RoomInput::Request(alice, Request::ClearHistory(None))),
        &|server| server.handle(RoomInput::Left(leavers[1], LeaveReason::ConnectionLost)),
    ];
    for (at, happens) in anything.into_iter().enumerate() {
        let name = format!("dave {at}");
        let _ = server.join(&name);
        assert!(!server.publish_after(51));
        happens(&mut server);
        assert!(server.publish_after(51));
        let heard = drain(&mut to_alice);
        assert!(heard.contains(&name) && heard.lines().count() == 2, "in order: {heard}");
    }
}

/// The caller uses this number to decide when a batch is large enough.
#[test]
fn staged_bytes_count_every_protocol_in_use() {
    let mut server = TestServer::new();
    let (alice, mut to_alice) = server.join("alice");
    server.publish();
    drain(&mut to_alice);
    assert_eq!(server.room.staged_bytes(), 0);
    server.say(alice, "one");
    let for_alice = server.room.staged_bytes();
    server.publish();
    assert_eq!((server.room.staged_bytes(), drain(&mut to_alice).len()), (0, for_alice));

    let (_, _to_bob) = server.join_sealed("bob");
    server.publish_after(50);
    server.say(alice, "one");
    let without_an_address = for_alice - r#","user_ip":"""#.len();
    assert_eq!(server.room.staged_bytes(), for_alice + without_an_address);
}

#[test]
fn empty_room_has_no_stall_deadline() {
    let mut server = TestServer::new();
    assert_eq!(server.room.poll_timeout(), None);
    let (alice, _to_alice) = server.join("alice");
    server.publish();
    let stall = Limits::default().stall_timeout.unwrap();
    assert_eq!(server.room.poll_timeout(), Some(Tick::ZERO.saturating_add(stall)));
    server.handle(RoomInput::Left(alice, LeaveReason::ConnectionLost));
    server.publish();
    assert_eq!(server.room.poll_timeout(), None);
}

#[test]
fn max_backlog_drops_members_of_either_protocol() {
    let limits = Limits { max_backlog: Some(10_000), stall_timeout: None, ..Limits::default() };
    for join in [TestServer::join, TestServer::join_sealed] {
        let mut server = TestServer::with(&limits);
        let (alice, mut to_alice) = server.join("alice");
        let (bob, _to_bob) = join(&mut server, "bob");
        let mut dropped = Vec::new();
        for said in 1..=30 {
            server.say(alice, &"x".repeat(1_000));
            server.publish();
            drain(&mut to_alice);
            while let Some(output) = server.room.poll_output() {
                if let RoomOutput::Disconnect(seat) = output {
                    dropped.push((seat, said));
                }
            }
        }
        // Each line has 1,000 bytes of token and less than 200 bytes of overhead.
        assert!(matches!(dropped[..], [(seat, 9 | 10)] if seat == bob), "{dropped:?}");
    }
}
