//! Checks the records of a run against the witness.

use std::{collections::BTreeSet, time::Duration};

use cmdchat_core::{
    client::{CloseReason, Warning},
    server::{LeaveReason, Limits, RoomOutput},
};
use cmdchat_drivers::server::ServerEvent;

use super::{
    Report,
    generator::Kind,
    workload::{Record, Told},
};

/// Upper bound for the echo of a message over a good connection, whatever other clients do.
const AT_ONCE: Duration = Duration::from_millis(50);

pub(super) fn judge(
    limits: &Limits,
    witness: &Record,
    records: &[Record],
    notes: &[ServerEvent],
) -> Report {
    let all = &witness.told;
    assert_eq!(witness.ended, Some((CloseReason::ClosedByServer, 0)), "the witness sees the end");
    let mut report = Report { people: records.len(), events: all.len(), ..Report::default() };
    for record in records {
        only_known_members_are_announced(record, all);
        report.turned_away += usize::from(record.refused.is_some() && record.kind != Kind::Guesser);
        let Some(welcome) = &record.welcome else { continue };
        report.members += 1;
        report.told += record.told.len();
        let Some(came) = came(record, welcome, limits, all) else {
            panic!("this is not what happened:\n{record:#?}\nbut this:\n{all:#?}")
        };
        no_warning_is_false(record, records);
        if record.good {
            assert!(
                record.worst_delay < AT_ONCE,
                "{} waited {:?}",
                record.name,
                record.worst_delay
            );
            report.worst_delay = report.worst_delay.max(record.worst_delay);
            loses_nothing(record, &all[came..]);
        }
    }
    report.dropped = server_events_match_client_events(notes, all, records);
    report
}

fn only_known_members_are_announced(record: &Record, all: &[Told]) {
    let knows = !matches!(record.kind, Kind::Guesser | Kind::Stranger);
    assert!(knows || record.welcome.is_none(), "{} is in without the password", record.name);
    // A contested name may already be taken by another client.
    if record.welcome.is_none() && record.name.starts_with('p') && record.refused.is_some() {
        let announced = all.contains(&Told::Joined(record.name.clone()));
        assert!(!announced || knows, "{} was announced", record.name);
    }
}

/// Returns the position in the order of all events at which this member joined. At that
/// position, its welcome matches the state of the room. Its events are exactly those that
/// follow, each once, up to some moment.
fn came(
    record: &Record,
    (members, history): &(Vec<String>, Vec<String>),
    limits: &Limits,
    all: &[Told],
) -> Option<usize> {
    let mut room = Room::default();
    all.iter().enumerate().find_map(|(at, event)| {
        room.take(event);
        let rest = &all[at + 1..];
        let fits = *event == Told::Joined(record.name.clone())
            && rest.starts_with(&record.told)
            && room.is_found_as(members, history, limits);
        fits.then_some(at + 1)
    })
}

/// The room state that a new member should find.
struct Room<'a> {
    members: Vec<&'a str>,
    said: Vec<&'a str>,
}

impl Default for Room<'_> {
    fn default() -> Self {
        Self { members: vec!["witness"], said: Vec::new() }
    }
}

impl<'a> Room<'a> {
    fn take(&mut self, event: &'a Told) {
        match event {
            Told::Joined(name) => self.members.push(name),
            Told::Left(name) => self.members.retain(|member| member != name),
            Told::Said(_, text) => self.said.push(text),
            Told::Cleared => self.said.clear(),
        }
    }

    fn is_found_as(&self, members: &[String], history: &[String], limits: &Limits) -> bool {
        // The list is in the order of admission, and joins may be announced in another
        // order.
        let found: BTreeSet<_> = members.iter().map(String::as_str).collect();
        let present: BTreeSet<_> = self.members.iter().copied().collect();
        // The room's own tests check how much of the history fits.
        found == present
            && members.len() == self.members.len()
            && self.said.ends_with(&history.iter().map(String::as_str).collect::<Vec<_>>())
            && limits.max_history.is_none_or(|most| history.len() <= most)
    }
}

/// Asserts that no warning is false: nothing is missing or different here. A warning about
/// a late message is true if its author or its receiver had a bad connection.
fn no_warning_is_false(record: &Record, records: &[Record]) {
    for (author, doubt) in &record.doubted {
        let author = records.iter().find(|one| one.name == *author && one.welcome.is_some());
        let may_be_late = !record.good || author.is_none_or(|author| !author.good);
        assert!(*doubt == Warning::Clock && may_be_late, "{} is told {doubt:?}", record.name);
    }
}

/// Asserts that a good connection loses no message until it ends.
fn loses_nothing(record: &Record, rest: &[Told]) {
    let Record { name, told, ended, finishes, .. } = record;
    match ended {
        Some((CloseReason::LocallyClosed, unheard)) => {
            assert!(!finishes || *unheard == 0, "{name}: {unheard}")
        }
        // The server was stopped.
        Some((CloseReason::ClosedByServer, 0)) => {
            assert_eq!(told.len(), rest.len(), "{name} missed the end")
        }
        other => panic!("{name} has a good connection and ended so: {other:?}"),
    }
}

/// Asserts that server and clients saw the same joins and leaves in the same order, none of
/// them twice. Returns the number of members that were dropped as too slow.
fn server_events_match_client_events(
    notes: &[ServerEvent],
    all: &[Told],
    records: &[Record],
) -> usize {
    let mut told = Vec::new();
    let mut present = BTreeSet::from(["witness".to_owned()]);
    let mut dropped = 0;
    let good = |name: &str| {
        records
            .iter()
            .any(|one| one.good && one.finishes && one.name == name && name.starts_with('p'))
    };
    for note in notes {
        match note {
            ServerEvent::Room(RoomOutput::Joined(name, count)) => {
                let name = name.to_string();
                if name != "witness" {
                    assert!(present.insert(name.clone()), "{name} came twice");
                    told.push(Told::Joined(name));
                }
                assert_eq!(*count, present.len());
            }
            ServerEvent::Room(RoomOutput::Left(name, how, count)) => {
                let name = name.to_string();
                assert!(present.remove(&name), "{name} left twice");
                assert_eq!(*count, present.len());
                assert!(*how == LeaveReason::Closed || !good(&name), "{name} left so: {how:?}");
                dropped += usize::from(*how == LeaveReason::SlowConsumer);
                told.push(Told::Left(name));
            }
            ServerEvent::Room(_)
            | ServerEvent::LoginRejected(..)
            | ServerEvent::AcceptFailed(_) => {}
        }
    }
    let seen: Vec<_> =
        all.iter().filter(|event| matches!(event, Told::Joined(_) | Told::Left(_))).collect();
    assert_eq!(told.iter().collect::<Vec<_>>(), seen, "the host and the room are told the same");
    dropped
}
