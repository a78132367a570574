//! A room and its admission control, compared with a model of both.
//!
//! The input is a list of actions. Each is a letter, followed by the bytes that
//! it needs. A byte `b'0' + n` is the number n. Numbers wrap if there are fewer
//! choices.

#![expect(clippy::panic, reason = "an output that must not come is what this looks for")]

mod admission_model;
mod model;

use std::time::Duration;

use jiff::Timestamp;

use super::fixtures::seed;
use crate::{
    error::ProtocolError,
    room_kind::RoomKind,
    server::{
        Admission, AdmissionCounts, Admitted, LeaveReason, Limits, MemberId, Room, RoomInput,
        RoomOutput,
    },
    time::{Epoch, Tick},
    wire::{FernetToken, Request},
};
use admission_model::AdmissionModel;
use model::{Event, Listener, Model};

/// Checks the room. Whatever members do and however slowly they read, all receive
/// the same events, in one order, each exactly once, from joining to leaving. No
/// member has a backlog above the limit. After all members have left, admission
/// control keeps no state of them.
pub fn room(data: &[u8]) {
    let mut acts = Ops(data);
    let mut server = TestServer::new();
    while let Some((act, who)) = acts.next() {
        match act {
            b'k' => server.door.knock(server.now, who),
            b'j' => server.join(who, acts.number()),
            b'd' => server.door.give_up(server.now, who, acts.number()),
            b's' => server.say(who, acts.number()),
            b'c' => server.clear(who),
            b'l' => server.leave(who, acts.number()),
            b'r' => server.read(who, acts.number()),
            b'x' => server.cut(who),
            b'p' => server.publish(),
            b't' => server.now = server.now.saturating_add(Duration::from_millis(500) * who as u32),
            _ => {}
        }
        server.count();
    }
    server.go_home();
}

struct Ops<'a>(&'a [u8]);

impl Ops<'_> {
    fn next(&mut self) -> Option<(u8, usize)> {
        let (&act, rest) = self.0.split_first()?;
        self.0 = rest;
        Some((act, self.number()))
    }

    fn number(&mut self) -> usize {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(byte.wrapping_sub(b'0'))
    }
}

fn limits() -> Limits {
    Limits {
        max_logins: Some(4),
        max_logins_per_source: Some(2),
        max_members: Some(5),
        max_members_per_source: Some(3),
        max_history: Some(6),
        max_history_bytes: Some(100_000),
        max_backlog: Some(90_000),
        stall_timeout: Some(Duration::from_secs(30)),
        ..Limits::default()
    }
}

struct TestServer {
    now: Tick,
    door: AdmissionModel,
    room: Room,
    model: Model,
    /// All members, present or past, in join order.
    listeners: Vec<Listener>,
}

const EPOCH: Epoch = Epoch::new(Timestamp::UNIX_EPOCH);

impl TestServer {
    fn new() -> Self {
        let limits = limits();
        Self {
            now: Tick::from_start(Duration::from_secs(1000)),
            door: AdmissionModel::new(Admission::new(&limits)),
            room: Room::new(&limits, RoomKind::Classic, EPOCH, &seed(5)),
            model: Model::default(),
            listeners: Vec::new(),
        }
    }

    /// Checks that admission control counts exactly the current logins and
    /// members.
    fn count(&self) {
        let counted = self.present().filter(|member| member.source.is_some());
        let expected = AdmissionCounts {
            members: self.present().count(),
            counted_members: counted.count(),
            ..self.door.logins()
        };
        assert_eq!(self.door.admission.counts(), expected);
    }

    fn present(&self) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().filter(|listener| listener.is_present())
    }

    /// Returns a present or past member.
    fn seat(&self, who: usize) -> Option<(usize, MemberId)> {
        let at = who.checked_rem(self.listeners.len())?;
        Some((at, self.listeners.get(at)?.seat))
    }

    fn join(&mut self, who: usize, name: usize) {
        let members = self.present().map(|listener| (listener.source, listener.name.clone()));
        let Some((source, seat)) = self.door.sit(self.now, who, name, &members.collect::<Vec<_>>())
        else {
            return;
        };
        let user_id = format!("id-{}", self.listeners.len());
        let (id, name) = (seat.id(), seat.name().clone());
        assert!(self.listeners.iter().all(|listener| listener.seat != id), "a unique number");
        let present: Vec<_> = self.present().map(|l| (l.user_id.clone(), l.name.clone())).collect();
        self.room.handle(self.now, RoomInput::Joined(Admitted::open(seat, user_id.clone())));
        self.model.push(Event::Joined(user_id.clone(), name.clone()), self.now);

        let Some(RoomOutput::Attach(admitted, cursor)) = self.room.poll_output() else {
            panic!("no member was attached")
        };
        assert_eq!(admitted, id);
        let init = self.model.init(present, (user_id.clone(), name.clone()));
        self.listeners.push(Listener {
            seat: id,
            source,
            user_id,
            name: name.clone(),
            cursor: Some(cursor),
            heard: Vec::new(),
            init,
            start: self.model.end(),
            end: None,
            active_at: self.now,
            stuck_from: None,
        });
        match self.room.poll_output() {
            Some(RoomOutput::Joined(joined, count)) => {
                assert_eq!((joined, count), (name, self.present().count()));
            }
            other => panic!("the operator is notified: {other:?}"),
        }
        self.quiet();
    }

    fn say(&mut self, who: usize, size: usize) {
        let Some((at, seat)) = self.seat(who) else { return };
        let size = if size < 180 { size } else { (size - 179) * 590 };
        let Some(token) = FernetToken::new("a".repeat(size)) else {
            panic!("a token within the size limit")
        };
        self.room.handle(self.now, RoomInput::Request(seat, Request::Message(token.clone())));
        if let Some(author) = self.listeners.get(at).filter(|author| author.is_present()) {
            self.model.push(Event::Said(author.name.clone(), token), self.now);
        }
        self.quiet();
    }

    fn clear(&mut self, who: usize) {
        let Some((at, seat)) = self.seat(who) else { return };
        self.room.handle(self.now, RoomInput::Request(seat, Request::ClearHistory(None)));
        if let Some(author) = self.listeners.get(at).filter(|author| author.is_present()) {
            let next = self.room.poll_output();
            assert!(matches!(next, Some(RoomOutput::HistoryCleared(name)) if name == author.name));
            self.model.push(Event::Cleared, self.now);
        }
        self.quiet();
    }

    fn leave(&mut self, who: usize, how: usize) {
        let Some((at, seat)) = self.seat(who) else { return };
        let broken = LeaveReason::ProtocolError(ProtocolError::NotUtf8);
        let how = [LeaveReason::Closed, LeaveReason::ConnectionLost, broken][how % 3];
        let was_present = self.listeners.get(at).is_some_and(Listener::is_present);
        self.room.handle(self.now, RoomInput::Left(seat, how));
        if was_present {
            let output = self.room.poll_output();
            assert_eq!(self.left(output, how), at);
        }
        self.quiet();
    }

    /// Checks that the operator is notified of a leave, and records the event for
    /// all other members.
    fn left(&mut self, output: Option<RoomOutput>, how: LeaveReason) -> usize {
        let Some(RoomOutput::Left(name, reason, count)) = output else { panic!("a member left") };
        let is_leaver = |listener: &Listener| listener.is_present() && listener.name == name;
        let leaver = self.listeners.iter().position(is_leaver);
        let end = self.model.end();
        let Some((at, leaver)) = leaver.and_then(|at| Some((at, self.listeners.get_mut(at)?)))
        else {
            panic!("a member leaves only once")
        };
        leaver.end = Some(end);
        self.model.push(Event::Left(leaver.user_id.clone()), self.now);
        assert_eq!((reason, count), (how, self.present().count()));
        at
    }

    fn quiet(&mut self) {
        assert!(self.room.poll_output().is_none(), "no other output");
    }

    fn publish(&mut self) {
        let (now, Limits { max_backlog: backlog, stall_timeout: stall, .. }) = (self.now, limits());
        let end = self.model.end_bytes();
        let unsent = |server: &Self, end| -> Vec<_> {
            server.listeners.iter().map(|member| member.unsent(&server.model, end)).collect()
        };
        let all_unsent = unsent(self, end);
        let behind: Vec<_> =
            self.listeners.iter().map(|member| member.behind(&self.model, end)).collect();
        let too_much = |at: usize| backlog.is_some() && behind.get(at).copied() > backlog;

        let fresh = self.room.publish(now);
        while let Some(output) = self.room.poll_output() {
            let at = self.left(Some(output), LeaveReason::SlowConsumer);
            let Some(slow) = self.listeners.get(at) else { continue };
            let stood = all_unsent.get(at) > Some(&0)
                && Some(now.saturating_duration_since(slow.active_at)) >= stall;
            assert!(too_much(at) || stood, "dropped for a reason");
            let dropped = self.room.poll_output();
            assert!(matches!(dropped, Some(RoomOutput::Disconnect(seat)) if seat == slow.seat));
        }
        assert_eq!(fresh, self.model.publish(now), "it reports new events");

        let (deadline, unsent) = (self.room.poll_timeout(), unsent(self, self.model.published));
        assert!(deadline.is_none_or(|deadline| deadline > now), "the deadline is in the future");
        for (at, member) in self.listeners.iter_mut().enumerate() {
            if !member.is_present() {
                continue;
            }
            assert!(!too_much(at), "no member lags by more than the limit and one batch");
            member.stuck_from =
                member.stuck_from.or(Some(now)).filter(|_| unsent.get(at) > Some(&0));
            if let (Some(from), Some(stall)) = (member.stuck_from, stall) {
                assert!(now.saturating_duration_since(from) < stall, "stalled members are dropped");
                assert!(deadline.is_some_and(|deadline| deadline <= from.saturating_add(stall)));
            }
        }
    }

    fn read(&mut self, who: usize, most: usize) {
        let Some((at, _)) = self.seat(who) else { return };
        let (now, model) = (self.now, &self.model);
        let Some(listener) = self.listeners.get_mut(at) else { return };
        listener.read(now, if most < 128 { most } else { (most - 127) * 1000 }, model);
    }

    fn cut(&mut self, who: usize) {
        let Some((at, _)) = self.seat(who) else { return };
        if let Some(listener) = self.listeners.get_mut(at) {
            listener.cursor = None;
        }
    }

    /// All members leave and receive their remaining data.
    fn go_home(mut self) {
        // Joins are no longer delayed.
        self.now = self.now.saturating_add(Duration::from_secs(1));
        self.room.close(crate::server::Shutdown::Final);
        let end = self.model.end();
        for listener in &mut self.listeners {
            listener.end.get_or_insert(end);
        }
        self.room.publish(self.now);
        self.model.publish(self.now);
        assert_eq!(self.room.poll_timeout(), None);
        self.quiet();
        for listener in &mut self.listeners {
            listener.read_rest(self.now);
            listener.check(&mut self.model);
        }
        self.model.ids_differ();
        self.door = AdmissionModel::new(self.door.admission.clone());
        self.count();
    }
}
