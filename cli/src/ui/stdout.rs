//! Unbuffered standard output for the terminal.

use std::{io, mem};

/// Standard output without a buffer. The buffer of the standard library would keep
/// the last messages and the last draft in memory.
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

/// On other platforms the console needs more than raw bytes, so the standard library
/// writes to it.
#[cfg(not(unix))]
impl io::Write for UnbufferedStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// A buffer for one frame, written at once because a frame written in pieces
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
