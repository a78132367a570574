//! Encoded lines, shareable between any number of sockets.

use std::{fmt, sync::Arc};

/// One encoded line with its `\n`. It is reference-counted, so clones are cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Arc<[u8]>);

impl Frame {
    /// Creates a frame from `line`, which has no line end, and appends the `\n`.
    pub(crate) fn from_line(mut line: Vec<u8>) -> Self {
        debug_assert!(!line.contains(&b'\n'), "a frame is one line");
        line.push(b'\n');
        Self(line.into())
    }

    /// Creates a frame from a sealed `record`, which includes its `\n`.
    pub(crate) fn from_record(record: Vec<u8>) -> Self {
        Self(record.into())
    }

    /// Returns the bytes to write, including the `\n`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes without the `\n`.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        self.0.strip_suffix(b"\n").unwrap_or(&self.0)
    }
}

/// Shows the length only, because frames carry proofs.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.0.len())
    }
}
