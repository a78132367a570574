//! Splits the bytes of one connection into lines.

/// A receive buffer that splits the bytes of one connection into lines.
///
/// The login borrows it first, then the client's session or the server's request
/// reader. Bytes after the last complete line stay in the buffer.
///
/// Guarantees, for any chunking of the input:
///
/// * Each line is returned once and whole.
/// * The end of the stream is reported after the last line.
/// * The work is linear in the number of bytes fed.
/// * A line longer than the limit is rejected before the buffer holds more than the
///   limit and one feed.
/// * Once all bytes have been taken, no copy of them remains.
#[derive(Debug, Default)]
pub struct LineDecoder {
    buffer: Vec<u8>,
    /// The offset up to which bytes have been taken.
    taken: usize,
    /// The offset up to which there is no untaken `\n`.
    searched: usize,
    bound: usize,
    ended: bool,
}

/// The line at the front of a [`LineDecoder`], or its state if there is none.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A complete line, without its `\n`.
    Complete(&'a [u8]),
    /// The last line, which ended without `\n` and may be truncated.
    Unterminated(&'a [u8]),
    /// The line is not complete yet.
    Incomplete,
    /// No line is left, and the peer will send no more.
    Eof,
}

/// The error for a line that is longer than the limit of the current phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

/// The capacity in bytes above which an empty buffer is freed.
const KEPT: usize = 512;

impl LineDecoder {
    /// Creates an empty decoder for lines of at most `bound` bytes before the `\n`.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { bound, ..Self::default() }
    }

    /// Sets the limit for the next phase, in bytes before the `\n`.
    pub const fn set_max_len(&mut self, bound: usize) {
        self.bound = bound;
    }

    /// Appends received bytes. Ignored after [`Self::feed_eof`].
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.ended {
            return;
        }
        // The work stays linear, because the rest is moved only if it is the smaller half.
        if self.taken > self.buffer.len() / 2 {
            self.forget();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Marks the end of the stream. Idempotent.
    pub const fn feed_eof(&mut self) {
        self.ended = true;
    }

    /// Returns true after [`Self::feed_eof`].
    pub(crate) const fn is_eof(&self) -> bool {
        self.ended
    }

    /// Takes the next line.
    ///
    /// # Errors
    ///
    /// Returns [`LineTooLong`] if the line at the front, complete or not, exceeds the
    /// limit. The line stays there, so the connection cannot be read any further.
    pub fn next_line(&mut self) -> Result<Line<'_>, LineTooLong> {
        let fresh = self.buffer.get(self.searched..).unwrap_or_default();
        let (end, next) = match memchr::memchr(b'\n', fresh) {
            Some(at) => (self.searched + at, self.searched + at + 1),
            None => (self.buffer.len(), self.buffer.len()),
        };
        if end - self.taken > self.bound {
            return Err(LineTooLong);
        }
        self.searched = next;
        if next == end && !(self.ended && self.taken < end) {
            self.release();
            return Ok(if self.ended { Line::Eof } else { Line::Incomplete });
        }
        let start = std::mem::replace(&mut self.taken, next);
        let line = self.buffer.get(start..end).unwrap_or_default();
        Ok(if next == end { Line::Unterminated(line) } else { Line::Complete(line) })
    }

    /// Returns the number of buffered bytes, including those already returned as lines.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) const fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Removes the bytes that have been taken and overwrites their copies.
    fn forget(&mut self) {
        let rest = self.buffer.len() - self.taken;
        self.buffer.copy_within(self.taken.., 0);
        self.buffer[rest..].fill(0);
        self.buffer.truncate(rest);
        self.searched -= self.taken;
        self.taken = 0;
    }

    fn release(&mut self) {
        if self.taken == self.buffer.len() {
            self.forget();
            if self.buffer.capacity() > KEPT {
                self.buffer = Vec::new();
            }
        }
    }
}

impl std::fmt::Display for LineTooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the line is too long")
    }
}

impl std::error::Error for LineTooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_decoder_yields_each_complete_line_once() {
        let mut decoder = LineDecoder::new(10);
        decoder.feed(b"one\n\ntw");
        assert_eq!(decoder.next_line(), Ok(Line::Complete(b"one")));
        assert_eq!(decoder.next_line(), Ok(Line::Complete(b"")));
        assert_eq!(decoder.next_line(), Ok(Line::Incomplete));
        decoder.feed(b"o\n");
        assert_eq!(decoder.next_line(), Ok(Line::Complete(b"two")));
        assert_eq!(decoder.next_line(), Ok(Line::Incomplete));
    }

    #[test]
    fn eof_follows_an_unterminated_last_line() {
        let mut decoder = LineDecoder::new(10);
        decoder.feed(b"a\nlast");
        decoder.feed_eof();
        assert_eq!(decoder.next_line(), Ok(Line::Complete(b"a")));
        assert_eq!(decoder.next_line(), Ok(Line::Unterminated(b"last")));
        assert_eq!(decoder.next_line(), Ok(Line::Eof));
        decoder.feed(b"more\n");
        assert_eq!(decoder.next_line(), Ok(Line::Eof));
    }

    #[test]
    fn max_len_applies_to_incomplete_lines_too() {
        let mut decoder = LineDecoder::new(3);
        decoder.feed(b"abc\n");
        assert_eq!(decoder.next_line(), Ok(Line::Complete(b"abc")));
        decoder.feed(b"abc");
        assert_eq!(decoder.next_line(), Ok(Line::Incomplete));
        decoder.feed(b"d");
        assert_eq!(decoder.next_line(), Err(LineTooLong));
        decoder.feed(b"\n");
        assert_eq!(decoder.next_line(), Err(LineTooLong));
    }

    #[test]
    fn large_buffer_is_freed_once_drained() {
        let mut decoder = LineDecoder::new(1 << 20);
        decoder.feed(&vec![b'x'; 1 << 20]);
        decoder.feed(b"\n");
        assert!(matches!(decoder.next_line(), Ok(Line::Complete(_))));
        assert_eq!(decoder.next_line(), Ok(Line::Incomplete));
        assert_eq!(decoder.buffer.capacity(), 0);
    }
}
