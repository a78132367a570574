//! One stream of bytes, written once and read by many at their own speed.
//!
//! A [`BroadcastLog`] belongs to the one machine that appends to it. What has been
//! appended since the last [`BroadcastLog::publish`] becomes one shared segment then.
//! Each reader holds an [`LogCursor`]: what it alone gets first, and a cursor into
//! the log. Nothing is copied or queued per reader, and publishing costs the
//! same however many there are: segments are a chain, a reader holds the place
//! in it that it has come to, and what lies before the last reader's place is
//! gone. How far a reader lags, [`Lag`] tells. A reader that is to get no more
//! is cut off there, and still gets all before that, until its outlet is dropped.

mod cursor;

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use self::cursor::{LogCursor, MAX_IO_SLICES};
use crate::{time::Tick, transport::frame::Frame, transport::record::RecordSealer};

/// The writing end.
#[derive(Debug, Default)]
pub struct BroadcastLog {
    /// Where the next segment will be.
    head: Arc<Node>,
    /// Bytes that were appended while nobody was there to read them; then `fresh`.
    unheard: u64,
    fresh: Vec<u8>,
    published: Arc<AtomicU64>,
}

/// A place in the chain, and the segment there if one has come.
#[derive(Debug, Default)]
struct Node(OnceLock<Segment>);

#[derive(Debug)]
struct Segment {
    /// Offset of the first byte in the stream.
    start: u64,
    bytes: Box<[u8]>,
    next: Arc<Node>,
}

impl Segment {
    const fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes from one offset to another, as far as they are here.
    fn between(&self, from: u64, to: u64) -> &[u8] {
        let from = from.saturating_sub(self.start) as usize;
        let to = to.min(self.end()).saturating_sub(self.start) as usize;
        self.bytes.get(from..to).unwrap_or_default()
    }
}

impl Node {
    /// All that have come from here on.
    fn segments(&self) -> impl Iterator<Item = &Segment> {
        std::iter::successors(self.0.get(), |segment| segment.next.0.get())
    }
}

/// One after the other: a chain may be longer than a stack is deep.
impl Drop for Node {
    fn drop(&mut self) {
        let mut last = self.0.take();
        while let Some(segment) = last {
            last = Arc::into_inner(segment.next).and_then(|mut place| place.0.take());
        }
    }
}

impl BroadcastLog {
    /// Appends one frame; nobody sees it before [`Self::publish`].
    pub fn append(&mut self, frame: &Frame) {
        self.append_lazy(frame.bytes().len(), || frame);
    }

    /// Appends a frame of `size` bytes, which is asked for only if somebody is to read it.
    pub fn append_lazy<'a>(&mut self, size: usize, frame: impl FnOnce() -> &'a Frame) {
        // Readers have a place, and the chain leads from each of them to the head.
        let is_read = Arc::strong_count(&self.head) > 1;
        if is_read || !self.fresh.is_empty() {
            self.fresh.extend_from_slice(frame().bytes());
        } else {
            self.unheard += size as u64;
        }
    }

    /// Bytes appended for somebody and not yet published.
    #[must_use]
    pub const fn staged_bytes(&self) -> usize {
        self.fresh.len()
    }

    /// Shares what was appended. Says whether there is anything new.
    pub fn publish(&mut self) -> bool {
        let (start, end) = (self.published() + self.unheard, self.end());
        let is_new = end > self.published();
        if !self.fresh.is_empty() {
            let (bytes, next) = (self.fresh.as_slice().into(), Arc::<Node>::default());
            let segment = Segment { start, bytes, next: Arc::clone(&next) };
            // Nobody else has ever put anything there.
            let _ = mem::replace(&mut self.head, next).0.set(segment);
            // What the room forgets is not to be found here.
            self.fresh.fill(0);
            self.fresh.clear();
        }
        self.unheard = 0;
        self.published.store(end, Ordering::Release);
        is_new
    }

    /// Offset behind the last byte published.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Acquire)
    }

    /// Offset behind the last byte appended, published or not.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.published() + self.unheard + self.fresh.len() as u64
    }

    /// A reader who gets `greeting` and then all that is appended from now on;
    /// every line as a record, if there is a `sealer`.
    #[must_use]
    pub fn subscribe(
        &self,
        greeting: Vec<Frame>,
        sealer: Option<RecordSealer>,
    ) -> (LogCursor, Lag) {
        let size = greeting.iter().map(|frame| frame.bytes().len() as u64).sum();
        let progress = Arc::new(Progress {
            cursor: AtomicU64::new(self.end()),
            greeting_left: AtomicU64::new(size),
            cut_at: AtomicU64::new(u64::MAX),
            progressed_at: AtomicU64::new(0),
            published: Arc::clone(&self.published),
            asides: Mutex::default(),
            last_words: Mutex::default(),
        });
        (LogCursor::new(&self.head, &progress, greeting, sealer), Lag(progress))
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
    /// How far the log is.
    published: Arc<AtomicU64>,
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
    pub fn backlog(&self, end: u64) -> u64 {
        self.0.greeting_left.load(Ordering::Acquire) + end.saturating_sub(self.cursor())
    }

    /// When the reader last took bytes; [`Tick::ZERO`] before the first.
    #[must_use]
    pub fn last_progress(&self) -> Tick {
        Tick::from_start(Duration::from_nanos(self.0.progressed_at.load(Ordering::Acquire)))
    }

    /// Bytes of the log that wait for the reader if it ends at `end`; what the
    /// reader got to begin with does not count.
    #[must_use]
    pub fn lag(&self, end: u64) -> u64 {
        end.saturating_sub(self.cursor())
    }

    /// Lets the reader have everything before `end`, then `last_words` if its
    /// link is sealed, and nothing after.
    pub fn close_at(&self, end: u64, last_words: Vec<Frame>) {
        *held(&self.0.last_words) = last_words;
        self.0.cut_at.store(end, Ordering::Release);
    }
}

/// How much a reader is owed, for whoever feeds the log in its name.
#[derive(Debug)]
pub struct Meter(Arc<Progress>);

impl Meter {
    /// Bytes published and not yet written to the reader.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        let end = self.0.published.load(Ordering::Acquire);
        self.0.greeting_left.load(Ordering::Acquire)
            + end.saturating_sub(self.0.cursor.load(Ordering::Acquire))
    }

    /// Has the reader, whose link is sealed, told something that is for nobody
    /// else. What waits already is not said twice.
    pub fn send_direct(&self, aside: Frame) {
        let mut asides = held(&self.0.asides);
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
