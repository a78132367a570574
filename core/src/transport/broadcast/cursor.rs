//! The reading end of a log: the data to be written to one socket.

use std::{
    collections::VecDeque,
    io::IoSlice,
    mem,
    sync::{Arc, atomic::Ordering},
};

use memchr::memchr;

use super::{CursorHandle, CursorState, Node, lock};
use crate::{
    secret::with_stack_zeroed,
    time::Tick,
    transport::frame::Frame,
    transport::record::{RecordSealer, whole_lines},
    wire,
};

/// Maximum number of slices for one vectored write.
pub const MAX_IO_SLICES: usize = 8;
/// Number of bytes up to which waiting lines share one record. It is a bucket, and
/// its record has about 64 KiB.
const MAX_SHARED: usize = 48 << 10;

/// The position of one reader, and the data it has still to write.
#[derive(Debug)]
pub struct LogCursor {
    reader: PlainCursor,
    /// Present on a sealed link.
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
            preamble_written: 0,
        };
        Self { reader, sealing: sealer.map(SealedCursor::new) }
    }

    /// Returns the data that waits, in up to [`MAX_IO_SLICES`] slices for one vectored
    /// write. Empty if nothing waits.
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

    /// Records that the socket took `written` bytes of [`Self::chunks_vectored`] at `now`.
    pub fn advance(&mut self, now: Tick, written: usize) {
        self.reader.note_progress(now);
        let written = match &mut self.sealing {
            None => written,
            Some(sealing) => sealing.advance(written),
        };
        self.reader.advance(written);
    }

    /// Returns a handle on this cursor.
    #[must_use]
    pub fn handle(&self) -> CursorHandle {
        CursorHandle(Arc::clone(&self.reader.state))
    }

    /// Returns true if nothing waits and nothing will.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.sealing {
            None => self.reader.is_finished(),
            Some(sealing) => sealing.unwritten().is_empty() && sealing.is_over(&self.reader),
        }
    }
}

/// Reads the lines of preamble and log.
#[derive(Debug)]
struct PlainCursor {
    /// The node of the segment that holds the next byte, or will hold it.
    place: Arc<Node>,
    state: Arc<CursorState>,
    /// The rest of the preamble.
    preamble: VecDeque<Frame>,
    /// Bytes of its first frame that are written.
    preamble_written: usize,
}

impl PlainCursor {
    fn chunks_vectored<'a>(
        &'a mut self,
        slices: &'a mut [IoSlice<'a>; MAX_IO_SLICES],
    ) -> &'a [IoSlice<'a>] {
        let mut count = 0;
        for (slot, bytes) in slices.iter_mut().zip(self.waiting()) {
            *slot = IoSlice::new(bytes);
            count += 1;
        }
        slices.get(..count).unwrap_or_default()
    }

    /// Returns everything that waits: the rest of the preamble, then the log.
    fn waiting(&mut self) -> impl Iterator<Item = &[u8]> {
        let position = self.state.position.load(Ordering::Acquire);
        self.release_before(position);
        let preamble = self.preamble.iter().enumerate().map(|(at, frame)| {
            let written = if at == 0 { self.preamble_written } else { 0 };
            frame.bytes().get(written..).unwrap_or_default()
        });
        let state = &*self.state;
        let logged = self.place.segments().map(move |segment| {
            // Loaded for each segment: a reader that sees a segment must also see the
            // end that was set before the segment was published.
            let end = state.close_at.load(Ordering::Acquire);
            segment.between(position, end)
        });
        preamble.chain(logged.take_while(|bytes| !bytes.is_empty()))
    }

    /// Releases the segments before `position`, or all of them if the reader is to
    /// get no more.
    fn release_before(&mut self, position: u64) {
        if self.state.unread().is_none() {
            self.place = Arc::default();
        }
        while let Some(segment) = self.place.0.get().filter(|segment| segment.end() <= position) {
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
            let left = first.bytes().len() - self.preamble_written;
            let of_first = written.min(left);
            self.state.preamble_left.fetch_sub(of_first as u64, Ordering::AcqRel);
            written -= of_first;
            if of_first < left {
                self.preamble_written += of_first;
                return;
            }
            self.preamble.pop_front();
            self.preamble_written = 0;
        }
        self.state.position.fetch_add(written as u64, Ordering::AcqRel);
    }

    fn is_finished(&self) -> bool {
        self.preamble.is_empty() && self.state.unread().is_none()
    }
}

/// Seals waiting lines as records. The lines of a record count as written once the
/// socket has taken the whole record.
#[derive(Debug)]
struct SealedCursor {
    sealer: RecordSealer,
    record: Vec<u8>,
    written: usize,
    /// Bytes of the log and the preamble that `record` contains.
    line_bytes: usize,
    /// The last record has been sealed.
    over: bool,
}

impl SealedCursor {
    const fn new(sealer: RecordSealer) -> Self {
        Self { sealer, record: Vec::new(), written: 0, line_bytes: 0, over: false }
    }

    fn unwritten(&self) -> &[u8] {
        self.record.get(self.written..).unwrap_or_default()
    }

    fn is_over(&self, reader: &PlainCursor) -> bool {
        self.over || (reader.is_finished() && lock(&reader.state.closing).is_empty())
    }

    /// Seals what waits as one record, if the previous one is written.
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
        for frame in direct.iter().chain(&closing) {
            self.record.extend_from_slice(frame.bytes());
        }
        for piece in reader.waiting() {
            let limit = MAX_SHARED.saturating_sub(self.record.len());
            let length = match whole_lines(piece, limit) {
                // One long line has a record of its own.
                0 if self.record.is_empty() => memchr(b'\n', piece).map_or(0, |at| at + 1),
                length => length,
            };
            self.record.extend_from_slice(piece.get(..length).unwrap_or_default());
            self.line_bytes += length;
            if length < piece.len() {
                break;
            }
        }
        if self.record.pop().is_some() {
            self.seal();
        }
    }

    /// Seals the objects in `record`. The link ends in order once it has had all its
    /// records. Objects that cannot be sealed end it too, because the peer would
    /// wait for them forever.
    fn seal(&mut self) {
        if self.sealer.must_close() {
            self.over = true;
            self.record.clear();
            self.record.extend_from_slice(wire::bye().line());
        }
        self.over |= with_stack_zeroed(|| self.sealer.seal_in_place(&mut self.record, 0)).is_err();
    }

    /// Records that `written` bytes of the record are written. Returns the number of
    /// bytes of lines that are written now.
    fn advance(&mut self, written: usize) -> usize {
        self.written += written;
        if !self.unwritten().is_empty() {
            return 0;
        }
        self.written = 0;
        // Frees the memory: in a quiet room every member's buffer is empty.
        self.record = Vec::new();
        mem::take(&mut self.line_bytes)
    }
}
