//! Who is too slow, and when it is worth looking for them.
//!
//! Nobody gets too slow before as many bytes have been said, or as much time
//! has passed, as the slowest was short of at the last look. Until then a batch
//! costs nothing here, however many are present. Who is found at last is
//! judged by when the bytes that wait for it were published, not by the looks.

use std::time::Duration;

use crate::{
    server::limits::Limits,
    time::Tick,
    transport::broadcast::{BroadcastLog, CursorHandle},
};

/// After so many batches everybody is looked at in any case, so that logs need
/// not remember for long when something was published.
const BATCHES: usize = 1_024;

/// How long, and for how much, slow members are waited for.
#[derive(Debug)]
pub(super) struct SlowConsumerDetector {
    backlog: Option<u64>,
    stall: Option<Duration>,
    /// Nobody has stood still for too long before this moment.
    late: Option<Tick>,
    /// Nobody is too far behind before so many bytes have been said.
    far: Option<u64>,
}

/// A log, and since when the latest of it can be read.
#[derive(Debug, Default)]
pub(super) struct TimedLog {
    pub(super) log: BroadcastLog,
    /// Where each batch since the last look starts, and when it was published.
    recent: Vec<(u64, Tick)>,
}

/// How far one member is.
#[derive(Debug)]
pub(super) struct ReaderLag {
    pub(super) handle: CursorHandle,
    /// At the last look: since when bytes were waiting for it.
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

    /// Somebody may be too slow, now that so many bytes have been said in so many batches
    /// since the last look.
    pub(super) fn needs_scan(&self, now: Tick, said: u64, batches: usize) -> bool {
        self.late.is_some_and(|late| late <= now)
            || self.far.is_some_and(|far| said > far)
            || batches >= BATCHES
    }

    /// When that may be so, if nothing more is said.
    pub(super) const fn deadline(&self) -> Option<Tick> {
        self.late
    }

    /// Looks at everybody, now that so many bytes have been said. Gives those
    /// who are too slow.
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

    /// From `now` on there is something to take for everybody.
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

    /// Batches since the last look.
    pub(super) const fn batches(&self) -> usize {
        self.recent.len()
    }

    /// When this byte was published, which some member is still to take;
    /// `None` if that was before the last look.
    fn published_at(&self, offset: u64) -> Option<Tick> {
        let later = self.recent.partition_point(|(start, _)| *start <= offset);
        self.recent.get(later.checked_sub(1)?).map(|(_, at)| *at)
    }

    /// Everybody has been looked at.
    pub(super) fn clear_times(&mut self) {
        self.recent.clear();
    }
}

impl ReaderLag {
    /// For somebody who came at `now`, and has its greeting to take.
    pub(super) const fn new(now: Tick, handle: CursorHandle) -> Self {
        Self { handle, since: Some(now) }
    }

    /// Since when it has taken none of the bytes that wait, those that are to
    /// be published at `now` included.
    fn stalled_since(&mut self, now: Tick, dated: &TimedLog) -> Option<Tick> {
        let (cursor, end) = (self.handle.position(), dated.log.end());
        if self.handle.backlog_at(end) > self.handle.lag(end) {
            // Its greeting waits, and has since it came.
        } else if cursor < dated.log.published() {
            // What was published before the last look was waiting then.
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

    /// One member, and what is said to it.
    struct ReaderFixture {
        patience: SlowConsumerDetector,
        dated: TimedLog,
        wait: ReaderLag,
        cursor: LogCursor,
    }

    impl ReaderFixture {
        /// It comes at second 1, to a greeting of so many lines of 10 bytes.
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

        /// With a limit for standing still alone.
        fn over(preamble: usize) -> Self {
            let stall = Some(Duration::from_secs(STALL));
            Self::new(
                &Limits { stall_timeout: stall, max_backlog: None, ..Limits::default() },
                preamble,
            )
        }

        /// So many lines of 10 bytes, in one batch.
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
                assert!(waiting > 0, "so much is there");
                self.cursor.advance(at(now), left.min(waiting));
                left -= left.min(waiting);
            }
        }

        /// Whether it is worth looking, and then whether the member is too slow.
        fn is_slow(&mut self, now: u64) -> (bool, bool) {
            let (said, batches) = (self.dated.log.end(), self.dated.batches());
            let worth_it = self.patience.needs_scan(at(now), said, batches);
            let members = std::iter::once(((), &mut self.wait, &self.dated));
            let slow = self.patience.scan(at(now), said, members);
            self.dated.clear_times();
            (worth_it, !slow.is_empty())
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
        // What was published before the last look still counts from then.
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
        // Judged by the batch that it is short of.
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
        assert_eq!(watch.is_slow(5), (false, false), "the greeting does not count");
        watch.take(6, 540);
        watch.say(7, 4);
        assert_eq!(watch.is_slow(7), (true, false), "60 were not taken before");
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
