//! Text that a peer has written.

use std::fmt;

use zeroize::Zeroizing;

/// Text from the network: a name, a message or an error line. It does not
/// implement `Display`, so it cannot reach a screen by accident; the caller must
/// sanitize it first. Zeroized on drop, because it may be a decrypted message.
#[derive(Clone, PartialEq, Eq)]
pub struct Untrusted(Zeroizing<String>);

impl Untrusted {
    /// Marks `text` as written by a peer.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the unmodified text, for comparing, counting or sanitizing but not for display.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }
}

/// Shows the length only.
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({} bytes)", self.0.len())
    }
}
