//! Slow-consumer detection.
//!
//! After a scan, no member can exceed a limit before a known number of bytes has
//! been appended or a known time has passed. Members are scanned only after that,
//! so a batch costs O(1) until then, however many members are present. The scan
//! judges a member by the publication time of its unsent bytes, not by the times
//! of the scans.

use std::time::Duration;

use crate::{
    server::limits::Limits,
    time::Tick,
    transport::broadcast::{BroadcastLog, CursorHandle},
};

/// Number of batches after which members are scanned in any case. This bounds the
/// number of publication times that the logs store.
const BATCHES: usize = 1_024;

/// The limits for slow members, and the next time when a member can exceed one.
#[derive(Debug)]
pub(super) struct SlowConsumerDetector {
    backlog: Option<u64>,
    stall: Option<Duration>,
    /// No member exceeds the stall timeout before this time.
    late: Option<Tick>,
    /// No member exceeds the backlog limit until more bytes than this have been
    /// appended.
    far: Option<u64>,
}

/// A log, with the publication times of its latest batches.
#[derive(Debug, Default)]
pub(super) struct TimedLog {
    pub(super) log: BroadcastLog,
    /// Start offset and publication time of each batch since the last scan.
    recent: Vec<(u64, Tick)>,
}

/// The lag of one member.
#[derive(Debug)]
pub(super) struct ReaderLag {
    pub(super) handle: CursorHandle,
    /// Since when bytes were waiting for the member, as of the last scan.
    since: Option<Tick>,
}

impl SlowConsumerDetector {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            backlog: limits.max_backlog,
            stall: limits.stall_timeout,
            late: None,
            far: limits.max_backlog,
        }
    }

    /// Returns whether a member may exceed a limit. `said` is the number of bytes
    /// appended so far, `batches` the number of batches since the last scan.
    pub(super) fn needs_scan(&self, now: Tick, said: u64, batches: usize) -> bool {
        self.late.is_some_and(|late| late <= now)
            || self.far.is_some_and(|far| said > far)
            || batches >= BATCHES
    }

    /// Returns when a member may exceed a limit if no more bytes are appended.
    pub(super) const fn deadline(&self) -> Option<Tick> {
        self.late
    }

    /// Scans all members. `said` is the number of bytes appended so far. Returns
    /// the members that exceed a limit.
    pub(super) fn scan<'a, T>(
        &mut self,
        now: Tick,
        said: u64,
        members: impl Iterator<Item = (T, &'a mut ReaderLag, &'a TimedLog)>,
    ) -> Vec<T> {
        let (mut slow, mut farthest) = (Vec::new(), 0);
        self.late = None;
        for (member, wait, dated) in members {
            let behind = wait.handle.lag(dated.log.end());
            let stuck = wait.stalled_since(now, dated);
            let late = stuck.zip(self.stall).map(|(since, stall)| since.saturating_add(stall));
            let too_far = self.backlog.is_some_and(|most| behind > most);
            if too_far || late.is_some_and(|late| late <= now) {
                slow.push(member);
            } else {
                farthest = farthest.max(behind);
                self.late = self.late.into_iter().chain(late).min();
            }
        }
        self.far = self.backlog.map(|most| said + most - farthest);
        slow
    }

    /// Records that bytes wait for members from `now` on.
    pub(super) fn arm(&mut self, now: Tick) {
        self.late = self.late.or(self.stall.map(|stall| now.saturating_add(stall)));
    }
}

impl TimedLog {
    pub(super) fn publish(&mut self, now: Tick) -> bool {
        let start = self.log.published();
        let fresh = self.log.publish();
        if fresh {
            self.recent.push((start, now));
        }
        fresh
    }

    /// Returns the number of batches since the last scan.
    pub(super) const fn batches(&self) -> usize {
        self.recent.len()
    }

    /// Returns when the byte at `offset` was published. `None` if that was before
    /// the last scan.
    fn published_at(&self, offset: u64) -> Option<Tick> {
        let later = self.recent.partition_point(|(start, _)| *start <= offset);
        self.recent.get(later.checked_sub(1)?).map(|(_, at)| *at)
    }

    /// Clears the publication times after a scan.
    pub(super) fn clear_times(&mut self) {
        self.recent.clear();
    }
}

impl ReaderLag {
    /// Creates the lag of a member that joined at `now` and has to read its
    /// preamble.
    pub(super) const fn new(now: Tick, handle: CursorHandle) -> Self {
        Self { handle, since: Some(now) }
    }

    /// Returns since when the member has taken none of its waiting bytes. Counts
    /// bytes that are about to be published at `now` too.
    fn stalled_since(&mut self, now: Tick, dated: &TimedLog) -> Option<Tick> {
        let (cursor, end) = (self.handle.position(), dated.log.end());
        if self.handle.backlog_at(end) > self.handle.lag(end) {
            // The preamble is waiting, and has been since the member joined.
        } else if cursor < dated.log.published() {
            // Bytes published before the last scan were already waiting then.
            self.since = dated.published_at(cursor).or(self.since);
        } else {
            self.since = (cursor < end).then_some(now);
        }
        Some(self.since?.max(self.handle.last_progress()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::*;
    use crate::{
        transport::broadcast::{LogCursor, MAX_IO_SLICES},
        transport::frame::Frame,
    };

    const STALL: u64 = 30;

    fn at(seconds: u64) -> Tick {
        Tick::from_start(Duration::from_secs(seconds))
    }

    /// One member and its log.
    struct ReaderFixture {
        patience: SlowConsumerDetector,
        dated: TimedLog,
        wait: ReaderLag,
        cursor: LogCursor,
    }

    impl ReaderFixture {
        /// Joins at second 1. The preamble has `preamble` lines of 10 bytes.
        fn new(limits: &Limits, preamble: usize) -> Self {
            let dated = TimedLog::default();
            let (cursor, lag) = dated.log.subscribe(vec![line(); preamble], None);
            Self {
                patience: SlowConsumerDetector::new(limits),
                wait: ReaderLag::new(at(1), lag),
                dated,
                cursor,
            }
        }

        /// Sets a stall timeout only.
        fn over(preamble: usize) -> Self {
            let stall = Some(Duration::from_secs(STALL));
            Self::new(
                &Limits { stall_timeout: stall, max_backlog: None, ..Limits::default() },
                preamble,
            )
        }

        /// Publishes `lines` lines of 10 bytes in one batch.
        fn say(&mut self, now: u64, lines: usize) {
            (0..lines).for_each(|_| self.dated.log.append(&line()));
            assert!(self.dated.publish(at(now)));
            self.patience.arm(at(now));
        }

        fn take(&mut self, now: u64, bytes: usize) {
            let mut left = bytes;
            while left > 0 {
                let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
                let waiting: usize =
                    self.cursor.chunks_vectored(&mut slices).iter().map(|s| s.len()).sum();
                assert!(waiting > 0, "not enough data");
                self.cursor.advance(at(now), left.min(waiting));
                left -= left.min(waiting);
            }
        }

        /// Returns whether a scan is needed, and whether the member exceeds a
        /// limit.
        fn is_slow(&mut self, now: u64) -> (bool, bool) {
            let (said, batches) = (self.dated.log.end(), self.dated.batches());
            let needs_scan = self.patience.needs_scan(at(now), said, batches);
            let members = std::iter::once(((), &mut self.wait, &self.dated));
            let slow = self.patience.scan(at(now), said, members);
            self.dated.clear_times();
            (needs_scan, !slow.is_empty())
        }
    }

    fn line() -> Frame {
        Frame::from_line(vec![b'x'; 9])
    }

    #[test]
    fn stalled_reader_is_dropped_at_the_timeout() {
        let mut watch = ReaderFixture::over(0);
        assert_eq!(watch.patience.deadline(), None);
        watch.say(5, 1);
        assert_eq!(watch.patience.deadline(), Some(at(5 + STALL)));
        assert_eq!(watch.is_slow(4 + STALL), (false, false));
        // Bytes published before the last scan still count from their
        // publication.
        watch.say(5 + STALL - 1, 1);
        assert_eq!(watch.patience.deadline(), Some(at(5 + STALL)));
        assert_eq!(watch.is_slow(5 + STALL), (true, true));
    }

    #[test]
    fn preamble_stall_is_timed_from_the_join() {
        let mut watch = ReaderFixture::over(1);
        watch.say(20, 1);
        assert!(!watch.is_slow(STALL).1);
        assert_eq!(watch.is_slow(1 + STALL), (true, true));
    }

    #[test]
    fn progress_restarts_the_stall_timer() {
        let mut watch = ReaderFixture::over(0);
        watch.say(5, 2);
        watch.take(20, 7);
        assert_eq!(watch.is_slow(5 + STALL), (true, false));
        assert_eq!(watch.patience.deadline(), Some(at(20 + STALL)));
        assert_eq!(watch.is_slow(20 + STALL), (true, true));
    }

    #[test]
    fn caught_up_reader_has_no_stall_deadline() {
        let mut watch = ReaderFixture::over(0);
        watch.say(5, 1);
        watch.say(10, 1);
        watch.take(11, 10);
        // The stall counts from the oldest batch that the member has not read
        // completely.
        assert!(!watch.is_slow(10 + STALL).1);
        watch.take(12, 10);
        assert!(!watch.is_slow(500).1);
        assert_eq!(watch.patience.deadline(), None);
        watch.say(600, 1);
        assert_eq!(watch.patience.deadline(), Some(at(600 + STALL)));
        assert_eq!(watch.is_slow(600 + STALL), (true, true));
    }

    #[test]
    fn reader_over_max_backlog_is_slow_at_once() {
        let mut watch = ReaderFixture::new(
            &Limits { stall_timeout: None, max_backlog: Some(100), ..Limits::default() },
            50,
        );
        watch.say(5, 10);
        assert_eq!(watch.is_slow(5), (false, false), "the preamble does not count");
        watch.take(6, 540);
        watch.say(7, 4);
        assert_eq!(watch.is_slow(7), (true, false), "60 bytes were unread before");
        watch.say(8, 1);
        assert_eq!(watch.is_slow(8), (true, true));
    }

    #[test]
    fn members_are_scanned_after_enough_batches() {
        let mut watch = ReaderFixture::over(0);
        (0..BATCHES - 1).for_each(|_| watch.say(5, 1));
        let said = watch.dated.log.end();
        assert!(!watch.patience.needs_scan(at(5), said, watch.dated.batches()));
        watch.say(5, 1);
        assert_eq!(watch.is_slow(5), (true, false));
        assert_eq!(watch.dated.batches(), 0);
    }
}
