//! The hash chain over all events of a strict room, which every member computes (PROTOCOL 2.6).
//! Its wire name is `view`.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The kind of a numbered event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// `message`.
    Message = 1,
    /// `cleared`.
    Cleared = 2,
}

/// The chain hash after one event. It is not secret: it reveals nothing beyond the tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// The hash before the first event.
    pub const GENESIS: Self = Self([0; 32]);

    /// Returns the hash after one more event, with token and name as the server broadcasts
    /// them.
    #[must_use]
    pub fn append(&self, kind: EventKind, token: &str, name: &str) -> Self {
        let mut hasher = Sha256::new_with_prefix(b"cmdchat/2 view\0");
        hasher.update(self.0);
        hasher.update([kind as u8]);
        for part in [token.as_bytes(), name.as_bytes()] {
            // The cast is lossless: these are parts of a line, which has at most 65,536 bytes.
            hasher.update((part.len() as u32).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Parses 64 lower-case hex digits.
    #[must_use]
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// Returns the first 16 bytes, which an envelope carries.
    #[must_use]
    pub(crate) fn truncated(&self) -> [u8; 16] {
        self.0.first_chunk().copied().unwrap_or_default()
    }
}

/// Writes 64 lower-case hex digits.
impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHash({self})")
    }
}

/// Parses `N` bytes from lower-case hex digits, the only ones that the protocol allows.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}
