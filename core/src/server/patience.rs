//! Who is too slow, and when it is worth looking for them.
//!
//! Nobody gets too slow before as many bytes have been said, or as much time
//! has passed, as the slowest was short of at the last look. Until then a batch
//! costs nothing here, however many are present. Who is found at last is
//! judged by when the bytes that wait for it were published, not by the looks.

use std::time::Duration;

use crate::{
    log::{Lag, Log},
    server::limits::Limits,
    time::Tick,
};

/// After so many batches everybody is looked at in any case, so that logs need
/// not remember for long when something was published.
const BATCHES: usize = 1_024;

/// How long, and for how much, slow members are waited for.
#[derive(Debug)]
pub(super) struct Patience {
    backlog: Option<u64>,
    stall: Option<Duration>,
    /// Nobody has stood still for too long before this moment.
    late: Option<Tick>,
    /// Nobody is too far behind before so many bytes have been said.
    far: Option<u64>,
}

/// A log, and since when the latest of it can be read.
#[derive(Debug, Default)]
pub(super) struct Dated {
    pub(super) log: Log,
    /// Where each batch since the last look starts, and when it was published.
    recent: Vec<(u64, Tick)>,
}

/// How far one member is.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) lag: Lag,
    /// At the last look: since when bytes were waiting for it.
    since: Option<Tick>,
}

impl Patience {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self { backlog: limits.backlog, stall: limits.stall, late: None, far: limits.backlog }
    }

    /// Somebody may be too slow, now that so many bytes have been said in so many batches
    /// since the last look.
    pub(super) fn is_over(&self, now: Tick, said: u64, batches: usize) -> bool {
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
    pub(super) fn look<'a, T>(
        &mut self,
        now: Tick,
        said: u64,
        members: impl Iterator<Item = (T, &'a mut Wait, &'a Dated)>,
    ) -> Vec<T> {
        let (mut slow, mut farthest) = (Vec::new(), 0);
        self.late = None;
        for (member, wait, dated) in members {
            let behind = wait.lag.behind(dated.log.end());
            let stuck = wait.stuck_since(now, dated);
            let late = stuck.zip(self.stall).map(|(since, stall)| since.after(stall));
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
    pub(super) fn begin(&mut self, now: Tick) {
        self.late = self.late.or(self.stall.map(|stall| now.after(stall)));
    }
}

impl Dated {
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
    pub(super) fn forget_times(&mut self) {
        self.recent.clear();
    }
}

impl Wait {
    /// For somebody who came at `now`, and has its greeting to take.
    pub(super) const fn new(now: Tick, lag: Lag) -> Self {
        Self { lag, since: Some(now) }
    }

    /// Since when it has taken none of the bytes that wait, those that are to
    /// be published at `now` included.
    fn stuck_since(&mut self, now: Tick, dated: &Dated) -> Option<Tick> {
        let (cursor, end) = (self.lag.cursor(), dated.log.end());
        if self.lag.unsent(end) > self.lag.behind(end) {
            // Its greeting waits, and has since it came.
        } else if cursor < dated.log.published() {
            // What was published before the last look was waiting then.
            self.since = dated.published_at(cursor).or(self.since);
        } else {
            self.since = (cursor < end).then_some(now);
        }
        Some(self.since?.max(self.lag.progressed_at()))
    }
}
