//! The buffer for reads from a peer.

/// Read size if the last read left space in the buffer. Small, because every idle
/// member holds such a buffer.
const SMALL: usize = 512;
/// Read size after a read that filled the buffer.
const LARGE: usize = 16 << 10;

/// A read buffer that is small for short reads and large for long ones. It is
/// zeroized after each read, because the next one may be long in coming.
pub(crate) struct ReadBuffer(Box<[u8]>);

impl ReadBuffer {
    pub(crate) fn new() -> Self {
        Self(vec![0; SMALL].into())
    }

    /// Returns the space for the next read.
    pub(crate) fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Passes the first `count` bytes to `take`, then zeroizes them.
    pub(crate) fn consume<T>(&mut self, count: usize, take: impl FnOnce(&[u8]) -> T) -> T {
        let bytes = self.0.get_mut(..count).unwrap_or_default();
        let taken = take(bytes);
        bytes.fill(0);
        let wanted = if count < self.0.len() { SMALL } else { LARGE };
        if wanted != self.0.len() {
            self.0 = vec![0; wanted].into();
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_buffer_grows_while_reads_fill_it() {
        let mut buffer = ReadBuffer::new();
        for (sent, room_after) in [(SMALL, LARGE), (LARGE, LARGE), (LARGE - 1, SMALL), (1, SMALL)] {
            buffer.spare_mut()[..sent].fill(7);
            assert!(buffer.consume(sent, |bytes| bytes.len() == sent && bytes.ends_with(&[7])));
            assert_eq!(buffer.spare_mut(), vec![0; room_after]);
        }
    }
}
