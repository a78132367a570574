//! One encoded line, ready for any number of sockets.

use std::{fmt, sync::Arc};

/// One line of the wire with its `\n`, behind a counter: a clone costs nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Arc<[u8]>);

impl Frame {
    /// `line` without its end; the `\n` is added here.
    pub(crate) fn from_line(mut line: Vec<u8>) -> Self {
        debug_assert!(!line.contains(&b'\n'), "a frame is one line");
        line.push(b'\n');
        Self(line.into())
    }

    /// `record` with its end, as a sealer makes it.
    pub(crate) fn from_record(record: Vec<u8>) -> Self {
        Self(record.into())
    }

    /// The bytes to write, `\n` included.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes without the `\n`.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        self.0.strip_suffix(b"\n").unwrap_or(&self.0)
    }
}

/// Length only: frames carry proofs.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.0.len())
    }
}
