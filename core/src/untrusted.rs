//! Text that a peer wrote.

use std::fmt;

use zeroize::Zeroizing;

/// Text from the network: a name, a message, an error line. It has no
/// `Display`, so it cannot reach a screen by accident; whoever shows it must
/// clean it first. Wiped on drop: it may be a decrypted message.
#[derive(Clone, PartialEq, Eq)]
pub struct Untrusted(Zeroizing<String>);

impl Untrusted {
    /// Marks `text` as written by a peer.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text as it came. To be compared, counted or cleaned, not shown.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

/// Length only.
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({} bytes)", self.0.len())
    }
}
