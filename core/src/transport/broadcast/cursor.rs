//! The reading end of a log: what is still to be written to one socket.

use std::{
    collections::VecDeque,
    io::IoSlice,
    iter, mem,
    sync::{Arc, atomic::Ordering},
};

use memchr::{memchr, memchr_iter};

use super::{CursorHandle, CursorState, Node, lock};
use crate::{
    secret::with_stack_zeroed,
    time::Tick,
    transport::frame::Frame,
    transport::record::{RecordSealer, SMALLEST_RECORD},
    wire,
};

/// Pieces handed to one vectored write at the most.
pub const MAX_IO_SLICES: usize = 8;
/// Bytes of records that are made ahead of the socket.
const MAX_SEALED_AHEAD: usize = 64 << 10;

/// What one reader has still to write.
#[derive(Debug)]
pub struct LogCursor {
    reader: PlainCursor,
    /// Where the link is sealed.
    sealing: Option<SealedCursor>,
}

impl LogCursor {
    pub(super) fn new(
        place: &Arc<Node>,
        state: &Arc<CursorState>,
        preamble: Vec<Frame>,
        sealer: Option<RecordSealer>,
    ) -> Self {
        let reader = PlainCursor {
            place: Arc::clone(place),
            state: Arc::clone(state),
            preamble: preamble.into(),
            greeted: 0,
        };
        Self { reader, sealing: sealer.map(SealedCursor::new) }
    }

    /// Everything that waits, up to [`MAX_IO_SLICES`] pieces, for one vectored
    /// write. Empty if nothing waits now.
    pub fn chunks_vectored<'a>(
        &'a mut self,
        slices: &'a mut [IoSlice<'a>; MAX_IO_SLICES],
    ) -> &'a [IoSlice<'a>] {
        let Some(sealing) = &mut self.sealing else { return self.reader.chunks_vectored(slices) };
        sealing.refill(&mut self.reader);
        match (sealing.unwritten(), slices) {
            ([], _) => &[],
            (records, [slice, ..]) => {
                *slice = IoSlice::new(records);
                std::slice::from_ref(slice)
            }
        }
    }

    /// The socket took `written` bytes of what [`Self::chunks_vectored`] gave, at `now`.
    pub fn advance(&mut self, now: Tick, written: usize) {
        self.reader.note_progress(now);
        let written = match &mut self.sealing {
            None => written,
            Some(sealing) => sealing.advance(written),
        };
        self.reader.advance(written);
    }

    /// A meter of what waits here.
    #[must_use]
    pub fn handle(&self) -> CursorHandle {
        CursorHandle(Arc::clone(&self.reader.state))
    }

    /// Nothing waits, and nothing will.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.sealing {
            None => self.reader.is_finished(),
            Some(sealing) => sealing.unwritten().is_empty() && sealing.is_over(&self.reader),
        }
    }
}

/// Lines as they are in greeting and log.
#[derive(Debug)]
struct PlainCursor {
    /// Of the segment that holds the next byte, or will.
    place: Arc<Node>,
    state: Arc<CursorState>,
    /// What is left of the greeting.
    preamble: VecDeque<Frame>,
    /// Bytes of its first frame that are written.
    greeted: usize,
}

impl PlainCursor {
    fn chunks_vectored<'a>(
        &'a mut self,
        slices: &'a mut [IoSlice<'a>; MAX_IO_SLICES],
    ) -> &'a [IoSlice<'a>] {
        let cursor = self.state.position.load(Ordering::Acquire);
        self.leave_behind(cursor);
        let preamble = self.preamble.iter().enumerate().map(|(at, frame)| {
            let written = if at == 0 { self.greeted } else { 0 };
            frame.bytes().get(written..).unwrap_or_default()
        });
        let logged = self.place.segments().map(|segment| {
            // Now, and not before: whoever sees a segment also sees the cut made before it was published.
            let end = self.state.close_at.load(Ordering::Acquire);
            segment.between(cursor, end)
        });
        let mut count = 0;
        let waiting = preamble.chain(logged.take_while(|bytes| !bytes.is_empty()));
        for (slot, bytes) in slices.iter_mut().zip(waiting) {
            *slot = IoSlice::new(bytes);
            count += 1;
        }
        slices.get(..count).unwrap_or_default()
    }

    /// Lets go of the segments before the cursor, and of all if there will be no more.
    fn leave_behind(&mut self, cursor: u64) {
        if self.state.unread().is_none() {
            self.place = Arc::default();
        }
        while let Some(segment) = self.place.0.get().filter(|segment| segment.end() <= cursor) {
            self.place = Arc::clone(&segment.next);
        }
    }

    fn note_progress(&self, now: Tick) {
        // 584 years of nanoseconds fit.
        let nanos = u64::try_from(now.since_start().as_nanos()).unwrap_or(u64::MAX);
        self.state.last_progress.store(nanos, Ordering::Release);
    }

    fn advance(&mut self, written: usize) {
        let mut written = written;
        while let Some(first) = self.preamble.front() {
            let left = first.bytes().len() - self.greeted;
            let of_first = written.min(left);
            self.state.preamble_left.fetch_sub(of_first as u64, Ordering::AcqRel);
            written -= of_first;
            if of_first < left {
                self.greeted += of_first;
                return;
            }
            self.preamble.pop_front();
            self.greeted = 0;
        }
        self.state.position.fetch_add(written as u64, Ordering::AcqRel);
    }

    fn is_finished(&self) -> bool {
        self.preamble.is_empty() && self.state.unread().is_none()
    }
}

/// The lines of a piece, each with its end.
fn lines(piece: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = piece;
    iter::from_fn(move || {
        let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let line;
        (line, rest) = rest.split_at(end);
        (!line.is_empty()).then_some(line)
    })
}

/// From lines to records. Some are made ahead, since a socket takes a record
/// in pieces; the lines they stand for count as written when they are.
#[derive(Debug)]
struct SealedCursor {
    sealer: RecordSealer,
    records: Vec<u8>,
    written: usize,
    /// Bytes of lines that the records stand for.
    stand_for: usize,
    /// The last record has been made.
    over: bool,
}

impl SealedCursor {
    const fn new(sealer: RecordSealer) -> Self {
        Self { sealer, records: Vec::new(), written: 0, stand_for: 0, over: false }
    }

    fn unwritten(&self) -> &[u8] {
        self.records.get(self.written..).unwrap_or_default()
    }

    fn is_over(&self, reader: &PlainCursor) -> bool {
        self.over || (reader.is_finished() && lock(&reader.state.closing).is_empty())
    }

    /// Makes records of what waits, if all that were made are written.
    fn refill(&mut self, reader: &mut PlainCursor) {
        if !self.unwritten().is_empty() || self.over {
            return;
        }
        let direct = mem::take(&mut *lock(&reader.state.direct));
        let closing = if direct.is_empty() && reader.is_finished() {
            mem::take(&mut *lock(&reader.state.closing))
        } else {
            Vec::new()
        };
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let pieces = reader.chunks_vectored(&mut slices);
        if !(direct.is_empty() && closing.is_empty() && pieces.is_empty()) {
            // Once for all of them: it costs a tenth of what a record does.
            with_stack_zeroed(|| self.make(&direct, pieces, &closing));
        }
    }

    fn make(&mut self, direct: &[Frame], pieces: &[IoSlice<'_>], closing: &[Frame]) {
        let count: usize = pieces.iter().map(|piece| memchr_iter(b'\n', piece).count()).sum();
        self.records.reserve(MAX_SEALED_AHEAD.min(count * SMALLEST_RECORD));
        for frame in direct {
            self.seal(frame.line());
        }
        for line in pieces.iter().flat_map(|piece| lines(piece)) {
            if self.over || self.records.len() >= MAX_SEALED_AHEAD {
                break;
            }
            self.seal(line.strip_suffix(b"\n").unwrap_or(line));
            self.stand_for += line.len();
        }
        for word in closing {
            self.seal(word.line());
        }
    }

    /// A link that has had all its records ends in order; what cannot be sealed
    /// ends it too, since the other side would wait for that for ever.
    fn seal(&mut self, line: &[u8]) {
        if self.sealer.must_close() {
            self.over = true;
            let _ = self.sealer.seal(wire::bye().line(), &mut self.records);
        } else {
            self.over |= self.sealer.seal(line, &mut self.records).is_err();
        }
    }

    /// So many bytes of records are written. Says how many bytes of lines are.
    fn advance(&mut self, written: usize) -> usize {
        self.written += written;
        if !self.unwritten().is_empty() {
            return 0;
        }
        self.written = 0;
        // Every member has a place for them; while nobody speaks, a thousand would be empty.
        self.records = Vec::new();
        mem::take(&mut self.stand_for)
    }
}
