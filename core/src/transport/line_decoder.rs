//! Bytes of one connection, cut into lines.

/// The bytes that a connection has delivered and nobody has taken yet.
///
/// It is lent to whoever reads the connection now, first the login and then
/// the session or the room's intake; bytes behind the last line simply stay.
///
/// Promises, whatever the chunking: a line is delivered once and whole; the
/// end of the stream is seen after the last line; work is linear in the bytes
/// pushed; a line over the bound is refused before more than the bound and one
/// push are kept; when nothing is left of what was pushed, no copy of it is.
#[derive(Debug, Default)]
pub struct LineDecoder {
    buffer: Vec<u8>,
    /// Bytes before this have been taken.
    taken: usize,
    /// Bytes before this hold no untaken `\n`.
    searched: usize,
    bound: usize,
    ended: bool,
}

/// What stands at the front of an [`LineDecoder`].
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// One line without its `\n`.
    Complete(&'a [u8]),
    /// The last line, which came without `\n`: perhaps only a part of it.
    Unterminated(&'a [u8]),
    /// The line is not complete yet.
    Incomplete,
    /// No line is left, and the peer will send no more.
    Eof,
}

/// The peer's line is longer than the bound of this phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineTooLong;

/// An empty buffer above this many bytes is given back to the system.
const KEPT: usize = 512;

impl LineDecoder {
    /// Empty; lines may have `bound` bytes before their `\n`.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { bound, ..Self::default() }
    }

    /// Another phase, another bound, in bytes before the `\n`.
    pub const fn set_max_len(&mut self, bound: usize) {
        self.bound = bound;
    }

    /// Adds what a read brought. Ignored after [`Self::end`].
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.ended {
            return;
        }
        // Moving the rest only when it is the smaller half keeps this linear.
        if self.taken > self.buffer.len() / 2 {
            self.forget();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The peer will send no more. Repeating it is harmless.
    pub const fn feed_eof(&mut self) {
        self.ended = true;
    }

    /// Takes the next line.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`] if the line at the front, complete or not, is over the
    /// bound. It stays there: the connection cannot be read any further.
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

    /// Bytes in memory, including those already returned as lines.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) const fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Drops the bytes that have been taken, and leaves no copy of them.
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
