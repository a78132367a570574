//! One stream of bytes, written once and read by many at their own speed.
//!
//! A [`Log`] belongs to the one machine that appends to it. What has been
//! appended since the last [`Log::publish`] becomes one shared segment then.
//! Each reader holds an [`Outlet`]: what it alone gets first, and a cursor into
//! the log. Nothing is copied or queued per reader; memory is one log as long
//! as the slowest reader lags, which [`Lag`] tells. A reader that is to get no
//! more is cut off there, and still gets all before that, until its outlet is dropped.

mod outlet;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use self::outlet::{GATHERED, Outlet};
use crate::{frame::Frame, seal::Sealer, time::Tick};

/// The writing end.
#[derive(Debug, Default)]
pub struct Log {
    shared: Arc<Shared>,
    fresh: Vec<u8>,
    published: u64,
    /// All who may still need what was published.
    readers: Vec<Weak<Progress>>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<VecDeque<Segment>>);

#[derive(Clone, Debug)]
struct Segment {
    /// Offset of the first byte in the stream.
    start: u64,
    bytes: Arc<[u8]>,
}

impl Segment {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Shared {
    fn segments(&self) -> MutexGuard<'_, VecDeque<Segment>> {
        held(&self.0)
    }
}

impl Log {
    /// Appends one frame; nobody sees it before [`Self::publish`].
    pub fn append(&mut self, frame: &Frame) {
        self.fresh.extend_from_slice(frame.bytes());
    }

    /// Bytes appended and not yet published.
    #[must_use]
    pub const fn unpublished(&self) -> usize {
        self.fresh.len()
    }

    /// Shares what was appended, and forgets what every reader has taken. Says
    /// whether there is anything new.
    pub fn publish(&mut self) -> bool {
        let mut needed = self.published;
        self.readers.retain(|reader| {
            let unread = reader.upgrade().and_then(|progress| progress.unread());
            needed = needed.min(unread.unwrap_or(needed));
            unread.is_some()
        });
        let mut segments = self.shared.segments();
        while segments.front().is_some_and(|segment| segment.end() <= needed) {
            segments.pop_front();
        }
        if self.fresh.is_empty() {
            return false;
        }
        let segment = Segment { start: self.published, bytes: self.fresh.as_slice().into() };
        self.published = segment.end();
        segments.push_back(segment);
        // What the room forgets is not to be found here.
        self.fresh.fill(0);
        self.fresh.clear();
        true
    }

    /// Offset behind the last byte published.
    #[must_use]
    pub const fn published(&self) -> u64 {
        self.published
    }

    /// Offset behind the last byte appended, published or not.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.published + self.fresh.len() as u64
    }

    /// A reader who gets `greeting` and then all that is appended from now on;
    /// every line as a record, if there is a `sealer`.
    #[must_use]
    pub fn subscribe(&mut self, greeting: Vec<Frame>, sealer: Option<Sealer>) -> (Outlet, Lag) {
        let size = greeting.iter().map(|frame| frame.bytes().len() as u64).sum();
        let progress = Arc::new(Progress {
            cursor: AtomicU64::new(self.end()),
            greeting_left: AtomicU64::new(size),
            cut_at: AtomicU64::new(u64::MAX),
            progressed_at: AtomicU64::new(0),
            asides: Mutex::default(),
            last_words: Mutex::default(),
        });
        self.readers.push(Arc::downgrade(&progress));
        let outlet = Outlet::new(&self.shared, &progress, greeting, sealer);
        (outlet, Lag(progress))
    }
}

#[derive(Debug)]
struct Progress {
    /// Offset of the next byte to write.
    cursor: AtomicU64,
    greeting_left: AtomicU64,
    /// The reader gets nothing from here on.
    cut_at: AtomicU64,
    /// Nanoseconds since [`Tick::ZERO`].
    progressed_at: AtomicU64,
    /// For this reader alone, as soon as possible. Sealed links only.
    asides: Mutex<Vec<Frame>>,
    /// For this reader alone, behind everything. Sealed links only.
    last_words: Mutex<Vec<Frame>>,
}

impl Progress {
    /// Offset of the first byte of the log that is still to be read; `None` if
    /// there will be none.
    fn unread(&self) -> Option<u64> {
        let cursor = self.cursor.load(Ordering::Acquire);
        (cursor < self.cut_at.load(Ordering::Acquire)).then_some(cursor)
    }
}

/// How far a reader is, for the machine that owns the log.
#[derive(Debug)]
pub struct Lag(Arc<Progress>);

impl Lag {
    /// Offset of the first byte of the log that the reader has not written yet.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.0.cursor.load(Ordering::Acquire)
    }

    /// Bytes that wait for the reader if the log ends at `end`.
    #[must_use]
    pub fn unsent(&self, end: u64) -> u64 {
        self.0.greeting_left.load(Ordering::Acquire) + end.saturating_sub(self.cursor())
    }

    /// When the reader last took bytes; [`Tick::ZERO`] before the first.
    #[must_use]
    pub fn progressed_at(&self) -> Tick {
        Tick::from_start(Duration::from_nanos(self.0.progressed_at.load(Ordering::Acquire)))
    }

    /// Bytes of the log that wait for the reader if it ends at `end`; what the
    /// reader got to begin with does not count.
    #[must_use]
    pub fn behind(&self, end: u64) -> u64 {
        end.saturating_sub(self.cursor())
    }

    /// Lets the reader have everything before `end`, then `last_words` if its
    /// link is sealed, and nothing after.
    pub fn cut(&self, end: u64, last_words: Vec<Frame>) {
        *held(&self.0.last_words) = last_words;
        self.0.cut_at.store(end, Ordering::Release);
    }
}

/// How much a reader is owed, for whoever feeds the log in its name.
#[derive(Debug)]
pub struct Meter {
    shared: Arc<Shared>,
    progress: Arc<Progress>,
}

impl Meter {
    /// Bytes published and not yet written to the reader.
    #[must_use]
    pub fn owed(&self) -> u64 {
        let end = self.shared.segments().back().map_or(0, Segment::end);
        self.progress.greeting_left.load(Ordering::Acquire)
            + end.saturating_sub(self.progress.cursor.load(Ordering::Acquire))
    }

    /// Has the reader, whose link is sealed, told something that is for nobody
    /// else. What waits already is not said twice.
    pub fn tell(&self, aside: Frame) {
        let mut asides = held(&self.progress.asides);
        if !asides.contains(&aside) {
            asides.push(aside);
        }
    }
}

/// A list of whole frames is never half changed.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
