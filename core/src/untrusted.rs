//! Text that a peer wrote.

use std::fmt;

/// Text from the network: a name, a message, an error line. It has no
/// `Display`, so it cannot reach a screen by accident; whoever shows it must
/// clean it first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks `text` as written by a peer.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text as it came. To be compared, counted or cleaned, not shown.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

/// Length only: the text may be a decrypted message.
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({} bytes)", self.0.len())
    }
}
