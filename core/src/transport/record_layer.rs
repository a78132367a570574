//! The receiving end of a sealed link, for client and server (PROTOCOL 2.4).

use crate::{
    time::Tick,
    transport::keepalive::Keepalive,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    transport::record::{MAX_RECORD, RecordOpener, Tampered},
};

/// Turns the peer's lines into the objects of its records, and detects a peer that
/// has stopped sending.
#[derive(Debug)]
pub(crate) struct RecordReader {
    opener: RecordOpener,
    pub(crate) keepalive: Keepalive,
}

/// The reason why a sealed link has no next object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordError {
    /// A record is not the one that the peer sealed next.
    Tampered,
    /// The stream ended without a `bye`.
    Truncated,
}

impl RecordReader {
    /// Creates the reader of a link that was established at `now`.
    pub(crate) fn new(opener: RecordOpener, now: Tick) -> Self {
        Self { opener, keepalive: Keepalive::new(now) }
    }

    /// Returns the next object, or `None` if no complete record is available.
    pub(crate) fn next(
        &mut self,
        now: Tick,
        decoder: &mut LineDecoder,
    ) -> Result<Option<&[u8]>, RecordError> {
        if !self.opener.has_object() {
            decoder.set_max_len(MAX_RECORD);
            match decoder.next_line() {
                Ok(Line::Complete(line)) => self.opener.open(line)?,
                Ok(Line::Incomplete) => return Ok(None),
                Ok(Line::Unterminated(_) | Line::Eof) => return Err(RecordError::Truncated),
                Err(LineTooLong) => return Err(RecordError::Tampered),
            }
            self.keepalive.on_receive(now);
        }
        Ok(self.opener.next_object())
    }
}

impl From<Tampered> for RecordError {
    fn from(_: Tampered) -> Self {
        Self::Tampered
    }
}
