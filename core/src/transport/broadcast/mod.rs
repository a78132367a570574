//! One stream of bytes, written once and read by many at their own speed.
//!
//! A [`BroadcastLog`] belongs to the one machine that appends to it. What has been
//! appended since the last [`BroadcastLog::publish`] becomes one shared segment then.
//! Each reader holds an [`LogCursor`]: what it alone gets first, and a cursor into
//! the log. Nothing is copied or queued per reader, and publishing costs the
//! same however many there are: segments are a chain, a reader holds the place
//! in it that it has come to, and what lies before the last reader's place is
//! gone. How far a reader lags, [`CursorHandle`] tells. A reader that is to get no more
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
    /// Bytes that were appended while nobody was there to read them; then `staged`.
    skipped: u64,
    staged: Vec<u8>,
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
        if is_read || !self.staged.is_empty() {
            self.staged.extend_from_slice(frame().bytes());
        } else {
            self.skipped += size as u64;
        }
    }

    /// Bytes appended for somebody and not yet published.
    #[must_use]
    pub const fn staged_bytes(&self) -> usize {
        self.staged.len()
    }

    /// Shares what was appended. Says whether there is anything new.
    pub fn publish(&mut self) -> bool {
        let (start, end) = (self.published() + self.skipped, self.end());
        let is_new = end > self.published();
        if !self.staged.is_empty() {
            let (bytes, next) = (self.staged.as_slice().into(), Arc::<Node>::default());
            let segment = Segment { start, bytes, next: Arc::clone(&next) };
            // Nobody else has ever put anything there.
            let _ = mem::replace(&mut self.head, next).0.set(segment);
            // What the room forgets is not to be found here.
            self.staged.fill(0);
            self.staged.clear();
        }
        self.skipped = 0;
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
        self.published() + self.skipped + self.staged.len() as u64
    }

    /// A reader who gets `preamble` and then all that is appended from now on;
    /// every line as a record, if there is a `sealer`.
    #[must_use]
    pub fn subscribe(
        &self,
        preamble: Vec<Frame>,
        sealer: Option<RecordSealer>,
    ) -> (LogCursor, CursorHandle) {
        let size = preamble.iter().map(|frame| frame.bytes().len() as u64).sum();
        let state = Arc::new(CursorState {
            position: AtomicU64::new(self.end()),
            preamble_left: AtomicU64::new(size),
            close_at: AtomicU64::new(u64::MAX),
            last_progress: AtomicU64::new(0),
            published: Arc::clone(&self.published),
            direct: Mutex::default(),
            closing: Mutex::default(),
        });
        (LogCursor::new(&self.head, &state, preamble, sealer), CursorHandle(state))
    }
}

#[derive(Debug)]
struct CursorState {
    /// Offset of the next byte to write.
    position: AtomicU64,
    preamble_left: AtomicU64,
    /// The reader gets nothing from here on.
    close_at: AtomicU64,
    /// Nanoseconds since [`Tick::ZERO`].
    last_progress: AtomicU64,
    /// How far the log is.
    published: Arc<AtomicU64>,
    /// For this reader alone, as soon as possible. Sealed links only.
    direct: Mutex<Vec<Frame>>,
    /// For this reader alone, behind everything. Sealed links only.
    closing: Mutex<Vec<Frame>>,
}

impl CursorState {
    /// Offset of the first byte of the log that is still to be read; `None` if
    /// there will be none.
    fn unread(&self) -> Option<u64> {
        let position = self.position.load(Ordering::Acquire);
        (position < self.close_at.load(Ordering::Acquire)).then_some(position)
    }
}

/// A handle on a reader's [`LogCursor`]: its position and backlog, for slow
/// consumer detection and backpressure, and frames for that reader only.
#[derive(Clone, Debug)]
pub struct CursorHandle(Arc<CursorState>);

impl CursorHandle {
    /// Offset of the first byte of the log that has not been written to the reader.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.position.load(Ordering::Acquire)
    }

    /// Published bytes, preamble included, that have not been written to the reader.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.backlog_at(self.0.published.load(Ordering::Acquire))
    }

    /// The backlog in bytes if the log ends at offset `end`.
    #[must_use]
    pub fn backlog_at(&self, end: u64) -> u64 {
        self.0.preamble_left.load(Ordering::Acquire) + self.lag(end)
    }

    /// Bytes of the log, without the preamble, that have not been written to the
    /// reader if the log ends at offset `end`.
    #[must_use]
    pub fn lag(&self, end: u64) -> u64 {
        end.saturating_sub(self.position())
    }

    /// When bytes were last written to the reader; [`Tick::ZERO`] before the first.
    #[must_use]
    pub fn last_progress(&self) -> Tick {
        Tick::from_start(Duration::from_nanos(self.0.last_progress.load(Ordering::Acquire)))
    }

    /// Ends the reader's stream at offset `end`. On a sealed link the `closing`
    /// frames follow.
    pub fn close_at(&self, end: u64, closing: Vec<Frame>) {
        *lock(&self.0.closing) = closing;
        self.0.close_at.store(end, Ordering::Release);
    }

    /// Sends `frame` to this reader only, ahead of its backlog. Sealed links
    /// only. A frame that is already waiting is not sent twice.
    pub fn send_direct(&self, frame: Frame) {
        let mut direct = lock(&self.0.direct);
        if !direct.contains(&frame) {
            direct.push(frame);
        }
    }
}

/// Recovers from a poisoned lock: every update of these lists is one operation.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
