use std::{io::IoSlice, sync::Weak};

use proptest::prelude::*;

use super::*;
use crate::{
    secret::Secret,
    transport::record::{MAX_OBJECTS, RecordOpener},
};

fn frame(text: &str) -> Frame {
    Frame::from_line(text.as_bytes().to_vec())
}

/// What a log was to be at some moment, and all after it.
struct Kept(Weak<Node>);

impl From<&BroadcastLog> for Kept {
    fn from(log: &BroadcastLog) -> Self {
        Self(Arc::downgrade(&log.head))
    }
}

impl Kept {
    /// How much of it is in memory for the sake of a reader who is there.
    fn segments(&self) -> usize {
        self.0.upgrade().map_or(0, |place| place.segments().count())
    }
}

/// What `outlet` has to write, taken `step` bytes at a time.
fn drain(outlet: &mut LogCursor, step: usize) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let all: Vec<u8> =
            outlet.chunks_vectored(&mut slices).iter().flat_map(|slice| slice.to_vec()).collect();
        let Some(taken) = all.get(..step.min(all.len())).filter(|taken| !taken.is_empty()) else {
            return String::from_utf8(bytes).unwrap();
        };
        bytes.extend_from_slice(taken);
        let count = taken.len();
        outlet.advance(Tick::ZERO, count);
    }
}

#[test]
fn cursor_reads_preamble_then_published_frames() {
    for step in [1, 3, 1000] {
        let mut log = BroadcastLog::default();
        log.append(&frame("before"));
        let (mut outlet, _) = log.subscribe(vec![frame("hello")], None);
        log.append(&frame("one"));
        assert_eq!(drain(&mut outlet, step), "hello\n", "unpublished is unseen");
        assert!(log.publish());
        log.append(&frame("two"));
        assert!(log.publish());
        assert_eq!(drain(&mut outlet, step), "one\ntwo\n");
        assert!(!log.publish());
    }
}

#[test]
fn segments_are_kept_for_the_slowest_cursor() {
    let mut log = BroadcastLog::default();
    let kept = Kept::from(&log);
    let (mut fast, fast_lag) = log.subscribe(Vec::new(), None);
    let (slow, slow_lag) = log.subscribe(vec![frame("12345")], None);
    for _ in 0..100 {
        log.append(&frame("123456789"));
        log.publish();
    }
    assert_eq!((fast_lag.backlog_at(log.end()), slow_lag.backlog_at(log.end())), (1000, 1006));
    drain(&mut fast, 64);
    slow_lag.close_at(500, Vec::new());
    drop(slow_lag);
    assert_eq!(kept.segments(), 100);
    drop(slow);
    assert_eq!(kept.segments(), 0);
}

#[test]
fn frames_without_subscribers_are_discarded() {
    let mut log = BroadcastLog::default();
    log.append(&frame("to nobody"));
    assert_eq!((log.staged_bytes(), log.end()), (0, 10));
    let (mut outlet, _) = log.subscribe(Vec::new(), None);
    log.append(&frame("to somebody"));
    assert!(log.publish());
    assert_eq!(drain(&mut outlet, 3), "to somebody\n");
    drop(outlet);
    log.append(&frame("to nobody"));
    assert!(log.publish() && !log.publish());
    assert_eq!(log.published(), 32);
}

#[test]
fn long_log_is_dropped_without_stack_overflow() {
    let mut log = BroadcastLog::default();
    let reader = log.subscribe(Vec::new(), None);
    for _ in 0..200_000 {
        log.append(&frame(""));
        log.publish();
    }
    drop(reader);
}

#[test]
fn cursor_finishes_at_its_close_position() {
    let mut log = BroadcastLog::default();
    let (mut outlet, lag) = log.subscribe(Vec::new(), None);
    log.append(&frame("yours"));
    lag.close_at(log.end(), Vec::new());
    log.append(&frame("not yours"));
    log.publish();
    assert!(!outlet.is_finished());
    assert_eq!(drain(&mut outlet, 2), "yours\n");
    assert!(outlet.is_finished());
}

#[test]
fn cursor_backlog_counts_only_published_frames() {
    let mut log = BroadcastLog::default();
    let (mut outlet, lag) = log.subscribe(vec![frame("12345")], None);
    let meter = outlet.handle();
    log.append(&frame("123456789"));
    assert_eq!((meter.backlog(), lag.lag(log.end())), (6, 10), "what nobody sees is not owed");
    log.publish();
    assert_eq!(meter.backlog(), 16);
    let taken = Tick::from_start(Duration::from_secs(5));
    outlet.advance(taken, 10);
    assert_eq!((meter.backlog(), lag.lag(log.end()), lag.last_progress()), (6, 6, taken));
}

const KEY: [u8; 32] = [3; 32];

fn sealer() -> Option<RecordSealer> {
    Some(RecordSealer::new(&Secret::take(&mut KEY.clone())))
}

/// Returns the objects of these records.
fn opened(opener: &mut RecordOpener, records: &str) -> Vec<String> {
    let mut objects = Vec::new();
    for record in records.lines() {
        opener.open(record.as_bytes()).unwrap();
        while let Some(object) = opener.next_object() {
            objects.push(String::from_utf8(object.to_vec()).unwrap());
        }
    }
    objects
}

#[test]
fn sealed_cursor_delivers_every_line_in_order() {
    for step in [1, 1_000, 1_389, 100_000] {
        let mut log = BroadcastLog::default();
        let preamble = vec![frame(r#"{"n":1}"#), frame(r#"{"n":2}"#)];
        let (mut outlet, lag) = log.subscribe(preamble, sealer());
        let mut opener = RecordOpener::new(&Secret::take(&mut KEY.clone()));
        log.append(&frame(r#"{"n":3}"#));
        log.append(&frame(r#"{"n":4}"#));
        log.publish();
        let records = drain(&mut outlet, step);
        assert_eq!(opened(&mut opener, &records), [1, 2, 3, 4].map(|n| format!("{{\"n\":{n}}}")));
        assert_eq!((lag.backlog_at(log.end()), outlet.is_finished()), (0, false));

        // What is for it alone is said once while it waits, and again when that has gone.
        let meter = outlet.handle();
        for _ in 0..2 {
            meter.send_direct(frame(r#"{"aside":1}"#));
            meter.send_direct(frame(r#"{"aside":1}"#));
            meter.send_direct(frame(r#"{"aside":2}"#));
            let records = drain(&mut outlet, step);
            assert_eq!(opened(&mut opener, &records), [r#"{"aside":1}"#, r#"{"aside":2}"#]);
        }

        log.append(&frame(r#"{"n":5}"#));
        lag.close_at(log.end(), vec![frame(r#"{"last":1}"#), frame(r#"{"last":2}"#)]);
        log.append(&frame(r#"{"n":6}"#));
        log.publish();
        let mut records = String::new();
        while !outlet.is_finished() {
            let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
            let pending: Vec<u8> = joined(outlet.chunks_vectored(&mut slices));
            assert_ne!(pending, b"", "not finished, so something is to come");
            let taken = step.min(pending.len());
            records += std::str::from_utf8(&pending[..taken]).unwrap();
            outlet.advance(Tick::ZERO, taken);
        }
        let last = [r#"{"n":5}"#, r#"{"last":1}"#, r#"{"last":2}"#];
        assert_eq!(opened(&mut opener, &records), last);
    }
}

#[test]
fn waiting_lines_share_one_record_of_bounded_size() {
    let mut log = BroadcastLog::default();
    let preamble = (0..100).map(|_| frame("{}")).collect();
    let (mut outlet, lag) = log.subscribe(preamble, sealer());
    let text = format!("{{\"text\":\"{}\"}}", "x".repeat(989));
    for _ in 0..60 {
        log.append(&frame(&text));
        log.publish();
    }
    let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
    let ahead = joined(outlet.chunks_vectored(&mut slices)).len();
    assert_eq!(ahead, 65_561, "one record of the largest shared size");
    // Lines count as written only with their whole record.
    outlet.advance(Tick::ZERO, ahead - 1);
    assert_eq!(lag.backlog_at(log.end()), 300 + 60_060);
    outlet.advance(Tick::ZERO, 1);
    assert_eq!(lag.backlog_at(log.end()), 12 * 1_001, "the preamble and 48 messages");
    assert_eq!(drain(&mut outlet, 5_000).lines().count(), 1);
    assert_eq!(lag.backlog_at(log.end()), 0);
}

#[test]
fn closing_frames_follow_the_whole_backlog() {
    let mut log = BroadcastLog::default();
    let (mut outlet, lag) = log.subscribe(Vec::new(), sealer());
    let mut opener = RecordOpener::new(&Secret::take(&mut KEY.clone()));
    for _ in 0..200 {
        log.append(&frame("{}"));
    }
    log.publish();
    lag.close_at(log.end(), vec![frame(r#"{"last":1}"#)]);
    let records = drain(&mut outlet, 5_000);
    let objects = opened(&mut opener, &records);
    assert_eq!(objects.len(), 201);
    assert_eq!(objects.last().map(String::as_str), Some(r#"{"last":1}"#));
}

#[test]
fn oversized_line_ends_the_sealed_cursor() {
    let mut log = BroadcastLog::default();
    let (mut outlet, _) = log.subscribe(Vec::new(), sealer());
    let mut opener = RecordOpener::new(&Secret::take(&mut KEY.clone()));
    log.append(&frame("{}"));
    log.append(&frame(&"x".repeat(MAX_OBJECTS + 1)));
    log.append(&frame("{}"));
    log.publish();
    let records = drain(&mut outlet, 1_000);
    assert_eq!(opened(&mut opener, &records), ["{}"]);
    assert!(outlet.is_finished());
}

fn joined(slices: &[IoSlice<'_>]) -> Vec<u8> {
    slices.iter().flat_map(|slice| slice.to_vec()).collect()
}

/// One thing that may happen to a log and its readers.
#[derive(Clone, Debug)]
enum Act {
    Append(usize),
    Publish,
    Join(Option<usize>),
    /// A reader takes at most so many bytes.
    Read(prop::sample::Index, usize),
    Seal(prop::sample::Index),
    /// A reader is gone.
    Drop(prop::sample::Index),
}

fn act() -> impl Strategy<Value = Act> {
    let who = any::<prop::sample::Index>;
    prop_oneof![
        4 => (0_usize..40).prop_map(Act::Append),
        3 => Just(Act::Publish),
        2 => prop::option::of(0_usize..20).prop_map(Act::Join),
        6 => (who(), 1_usize..100).prop_map(|(who, most)| Act::Read(who, most)),
        1 => who().prop_map(Act::Seal),
        1 => who().prop_map(Act::Drop),
    ]
}

struct Reader {
    outlet: LogCursor,
    lag: CursorHandle,
    /// What it is to get in the end, as far as it is known now.
    due: Vec<u8>,
    got: Vec<u8>,
    sealed: bool,
}

impl Reader {
    fn take(&mut self, most: usize) -> usize {
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let pending = self.outlet.chunks_vectored(&mut slices);
        let pending: Vec<u8> = pending.iter().flat_map(|slice| slice.to_vec()).collect();
        let count = pending.len().min(most);
        self.got.extend(&pending[..count]);
        self.outlet.advance(Tick::ZERO, count);
        count
    }
}

proptest! {
    /// Whoever reads gets its greeting and all that is appended between its
    /// coming and its being sealed, once and in order.
    #[test]
    fn cursors_lose_no_bytes_in_any_interleaving(acts in prop::collection::vec(act(), 0..120)) {
        let mut log = BroadcastLog::default();
        let mut kept = Vec::new();
        let mut readers: Vec<Reader> = Vec::new();
        let mut said = 0;
        for act in acts {
            match act {
                Act::Append(length) => {
                    said += 1;
                    let frame = frame(&format!("{said} {}", "x".repeat(length)));
                    log.append(&frame);
                    for reader in readers.iter_mut().filter(|reader| !reader.sealed) {
                        reader.due.extend(frame.bytes());
                    }
                }
                Act::Publish => {
                    let staged = log.end() > log.published();
                    kept.push(Kept::from(&log));
                    prop_assert_eq!(log.publish(), staged);
                }
                Act::Join(preamble) => {
                    let preamble = preamble.map(|length| frame(&"g".repeat(length)));
                    let (outlet, lag) = log.subscribe(preamble.iter().cloned().collect(), None);
                    let due = preamble.map_or(Vec::new(), |frame| frame.bytes().to_vec());
                    readers.push(Reader { outlet, lag, due, got: Vec::new(), sealed: false });
                }
                Act::Read(who, most) if !readers.is_empty() => {
                    who.get_mut(&mut readers).take(most);
                }
                Act::Seal(who) if !readers.is_empty() => {
                    let reader = who.get_mut(&mut readers);
                    if !std::mem::replace(&mut reader.sealed, true) {
                        reader.lag.close_at(log.end(), Vec::new());
                    }
                }
                Act::Drop(who) if !readers.is_empty() => {
                    readers.swap_remove(who.index(readers.len()));
                }
                Act::Read(..) | Act::Seal(_) | Act::Drop(_) => {}
            }
            for reader in &readers {
                let left = (reader.due.len() - reader.got.len()) as u64;
                prop_assert!(reader.due.starts_with(&reader.got));
                prop_assert!(reader.sealed || reader.lag.backlog_at(log.end()) == left);
            }
        }
        kept.push(Kept::from(&log));
        log.publish();
        for reader in &mut readers {
            while reader.take(7) > 0 {}
            prop_assert_eq!(&reader.got, &reader.due);
            prop_assert_eq!(reader.outlet.is_finished(), reader.sealed);
        }
        prop_assert!(kept.iter().all(|kept| kept.segments() == 0), "nothing is kept for nobody");
    }
}
