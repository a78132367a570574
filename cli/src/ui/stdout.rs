//! Standard output as a screen needs it.

use std::{io, mem};

/// Standard output without a buffer: that of the standard library would keep
/// the last words that were shown, and the last draft.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UnbufferedStdout;

#[cfg(unix)]
impl io::Write for UnbufferedStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Elsewhere a console takes more than bytes.
#[cfg(not(unix))]
impl io::Write for UnbufferedStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// What is drawn at once. It is collected first: a frame that comes in pieces
/// flickers.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer(Vec<u8>);

impl io::Write for FrameBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        UnbufferedStdout.write_all(&mem::take(&mut self.0))
    }
}
