//! Where a reader puts what a peer sends.

/// Bytes asked of a socket while nothing says that more are waiting. Small,
/// because every idle member holds such a buffer.
const SMALL: usize = 512;
/// Bytes asked of a socket that had more than fitted.
const LARGE: usize = 16 << 10;

/// Small while its peer says little, large while it says much; wiped when it
/// is emptied, because the next read may be long in coming.
pub(crate) struct ReadBuffer(Box<[u8]>);

impl ReadBuffer {
    pub(crate) fn new() -> Self {
        Self(vec![0; SMALL].into())
    }

    /// Room for the next read.
    pub(crate) fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Hands over the `count` bytes that a read has put there.
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
