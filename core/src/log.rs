//! One stream of bytes, written once and read by many at their own speed.
//!
//! A [`Log`] belongs to the one machine that appends to it. What has been
//! appended since the last [`Log::publish`] becomes one shared segment then.
//! Each reader holds an [`Outlet`]: what it alone gets first, and a cursor into
//! the log. Nothing is copied or queued per reader; memory is one log as long
//! as the slowest reader lags, which [`Lag`] tells. A reader that is to get no
//! more is sealed, and still gets all before that, until its outlet is dropped.

use std::{
    collections::VecDeque,
    io::IoSlice,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{frame::Frame, time::Tick};

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
        // A queue of whole segments is never half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// A reader who gets `greeting` and then all that is appended from now on.
    #[must_use]
    pub fn subscribe(&mut self, greeting: Option<&Frame>) -> (Outlet, Lag) {
        let progress = Arc::new(Progress {
            cursor: AtomicU64::new(self.end()),
            greeting_left: AtomicU64::new(greeting.map_or(0, |frame| frame.bytes().len() as u64)),
            sealed_at: AtomicU64::new(u64::MAX),
            progressed_at: AtomicU64::new(0),
        });
        self.readers.push(Arc::downgrade(&progress));
        let outlet = Outlet {
            shared: Arc::clone(&self.shared),
            progress: Arc::clone(&progress),
            greeting: greeting.map(Frame::shared),
            gathered: Vec::new(),
        };
        (outlet, Lag(progress))
    }
}

#[derive(Debug)]
struct Progress {
    /// Offset of the next byte to write.
    cursor: AtomicU64,
    greeting_left: AtomicU64,
    /// The reader gets nothing from here on.
    sealed_at: AtomicU64,
    /// Nanoseconds since [`Tick::ZERO`].
    progressed_at: AtomicU64,
}

impl Progress {
    /// Offset of the first byte of the log that is still to be read; `None` if
    /// there will be none.
    fn unread(&self) -> Option<u64> {
        let cursor = self.cursor.load(Ordering::Acquire);
        (cursor < self.sealed_at.load(Ordering::Acquire)).then_some(cursor)
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

    /// Lets the reader have everything before `end`, and nothing after.
    pub fn seal(&self, end: u64) {
        self.0.sealed_at.store(end, Ordering::Release);
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
}

/// The reading end: what is still to be written to one socket.
#[derive(Debug)]
pub struct Outlet {
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    /// The whole greeting while any of it is left.
    greeting: Option<Arc<[u8]>>,
    gathered: Vec<Segment>,
}

/// Pieces handed to one vectored write at the most.
pub const GATHERED: usize = 8;

impl Outlet {
    /// Everything that waits, up to [`GATHERED`] pieces, for one vectored
    /// write. Empty if nothing waits now.
    pub fn pending<'a>(&'a mut self, slices: &'a mut [IoSlice<'a>; GATHERED]) -> &'a [IoSlice<'a>] {
        let cursor = self.progress.cursor.load(Ordering::Acquire);
        self.gathered.clear();
        let room = GATHERED - usize::from(self.greeting.is_some());
        let sealed = {
            let segments = self.shared.segments();
            // Behind the lock: whoever sees a segment also sees the seal set before it was published.
            let sealed = self.progress.sealed_at.load(Ordering::Acquire);
            let first = segments.partition_point(|segment| segment.end() <= cursor);
            let waiting = segments.iter().skip(first).take(room);
            self.gathered.extend(waiting.filter(|segment| segment.start < sealed).cloned());
            sealed
        };
        let greeting = self.greeting.as_deref().map(|greeting| {
            let left = self.progress.greeting_left.load(Ordering::Acquire) as usize;
            greeting.get(greeting.len().saturating_sub(left)..).unwrap_or_default()
        });
        let logged = self.gathered.iter().map(|segment| {
            let from = cursor.saturating_sub(segment.start) as usize;
            let to = sealed.min(segment.end()).saturating_sub(segment.start) as usize;
            segment.bytes.get(from..to).unwrap_or_default()
        });
        let mut count = 0;
        for (slot, bytes) in slices.iter_mut().zip(greeting.into_iter().chain(logged)) {
            *slot = IoSlice::new(bytes);
            count += 1;
        }
        slices.get(..count).unwrap_or_default()
    }

    /// The socket took `written` bytes of what [`Self::pending`] gave, at `now`.
    pub fn advance(&mut self, now: Tick, written: usize) {
        // 584 years of nanoseconds fit.
        let nanos = u64::try_from(now.since_start().as_nanos()).unwrap_or(u64::MAX);
        self.progress.progressed_at.store(nanos, Ordering::Release);
        let mut written = written as u64;
        if self.greeting.is_some() {
            let left = self.progress.greeting_left.load(Ordering::Acquire);
            let of_greeting = written.min(left);
            self.progress.greeting_left.store(left - of_greeting, Ordering::Release);
            written -= of_greeting;
            if of_greeting == left {
                self.greeting = None;
            }
        }
        self.progress.cursor.fetch_add(written, Ordering::AcqRel);
        self.gathered.clear();
    }

    /// A meter of what waits here.
    #[must_use]
    pub fn meter(&self) -> Meter {
        Meter { shared: Arc::clone(&self.shared), progress: Arc::clone(&self.progress) }
    }

    /// Nothing waits, and nothing will.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.greeting.is_none() && self.progress.unread().is_none()
    }
}

#[cfg(test)]
mod tests;
