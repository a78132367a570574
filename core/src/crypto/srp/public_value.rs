//! What the two sides tell each other, as it enters the hashes: checked, and
//! without leading zero bytes.

use std::{error::Error, fmt};

use crypto_bigint::BoxedUint;
use srp::{Group as _, groups::G2048};

/// `A` or `B` of the other side, checked: 1 < value < N - 1, without leading
/// zero bytes, as it enters the hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicValue(Box<[u8]>);

impl PublicValue {
    /// `bytes` big-endian; leading zero bytes are dropped.
    ///
    /// # Errors
    /// [`PublicValueError`] if the number is none that an honest peer sends:
    /// 0, 1, N - 1 or more.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, PublicValueError> {
        let bytes = strip(bytes);
        if bytes.len() > GROUP_BYTES {
            return Err(PublicValueError);
        }
        let value = BoxedUint::from_be_slice_vartime(bytes);
        let one = BoxedUint::one();
        let last = G2048::generator().params().modulus().wrapping_sub(&one);
        if value > one && value < last { Ok(Self(bytes.into())) } else { Err(PublicValueError) }
    }

    /// The bytes, as they enter the hashes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn number(&self) -> BoxedUint {
        BoxedUint::from_be_slice_vartime(&self.0)
    }
}

/// The salt of the verifier without leading zero bytes: as it is sent and as
/// it enters the hashes. At most 64 bytes; may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salt(Box<[u8]>);

impl Salt {
    /// Leading zero bytes are dropped.
    ///
    /// # Errors
    /// [`SaltTooLong`] if more than 64 bytes are left.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, SaltTooLong> {
        let bytes = strip(bytes);
        if bytes.len() > SALT_BYTES { Err(SaltTooLong) } else { Ok(Self(bytes.into())) }
    }

    /// The salt of a server that can speak protocol 2: a sentinel, then these
    /// random bytes. It enters the proofs, so nobody on the way can take it out
    /// to have two clients of protocol 2 fall back to protocol 1 (PROTOCOL 2.2).
    #[must_use]
    pub fn with_sentinel(random: [u8; 8]) -> Self {
        Self([*SENTINEL, random].concat().into())
    }

    /// One of those as another made it: all 16 bytes, the sentinel first. Zeros
    /// before it make it another salt.
    #[must_use]
    pub fn parse_sentinel(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == 16 && bytes.starts_with(SENTINEL)).then(|| Self(bytes.into()))
    }

    /// Whether it is one of those.
    #[must_use]
    pub fn has_sentinel(&self) -> bool {
        self.0.starts_with(SENTINEL)
    }

    /// The bytes to send.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A salt of one's own.
impl From<[u8; 16]> for Salt {
    fn from(bytes: [u8; 16]) -> Self {
        Self(strip(&bytes).into())
    }
}

/// A public value out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicValueError;

impl fmt::Display for PublicValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a public value of the key exchange is out of range")
    }
}

impl Error for PublicValueError {}

/// A salt of more than 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaltTooLong;

impl fmt::Display for SaltTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the salt of the key exchange is too long")
    }
}

impl Error for SaltTooLong {}

/// How long `N` is.
pub(super) const GROUP_BYTES: usize = 256;

const SALT_BYTES: usize = 64;
const SENTINEL: &[u8; 8] = b"cmdchat2";

/// The same number without leading zero bytes.
pub(super) fn strip(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}
