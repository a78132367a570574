//! The view: a hash of everything a strict room has heard, which all members
//! compute alike (PROTOCOL 2.6).

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The chain after some event. Public: it says nothing that the tokens do not.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// Before the first event.
    pub const GENESIS: Self = Self([0; 32]);

    /// After one more event, with token and name as everybody is shown them.
    #[must_use]
    pub fn append(&self, token: &str, name: &str) -> Self {
        let mut hasher = Sha256::new_with_prefix(b"cmdchat/2 view\0");
        for part in [&self.0, token.as_bytes(), name.as_bytes()] {
            // No line is longer than 65,536 bytes, and these are parts of one.
            hasher.update((part.len() as u32).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// From 64 hex digits in lower case.
    #[must_use]
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// The first 16 bytes: as much as an envelope carries.
    #[must_use]
    pub(crate) fn truncated(&self) -> [u8; 16] {
        self.0.first_chunk().copied().unwrap_or_default()
    }

    /// The first five bytes: what people compare.
    #[must_use]
    pub(crate) fn short_code(&self) -> [u8; 5] {
        self.0.first_chunk().copied().unwrap_or_default()
    }
}

/// 64 hex digits in lower case.
impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({self})")
    }
}

/// `N` bytes from hex digits in lower case, the only ones the protocol knows.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}
