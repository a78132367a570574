//! Room fingerprints, which members compare out of band (PROTOCOL 2.7).

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::{crypto::srp::Salt, room_kind::RoomKind};

/// A room fingerprint: 25 decimal digits, displayed in five groups of five. It is
/// public, reveals nothing about the passphrase and is different for every room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u128);

const DIGITS: u32 = 25;
const GROUP: u128 = 100_000;

/// The hash of a room's public values, F. Signatures, roll calls and moves are bound to
/// it; people compare its [`Fingerprint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomHash([u8; 32]);

impl RoomHash {
    /// Computes the hash of the room with these public values. Protocol 1 has them too,
    /// so members of a classic room can compare it on either protocol.
    #[must_use]
    pub fn new(kdf: RoomKind, room_salt: &[u8; 16], srp_salt: &Salt) -> Self {
        let mut hasher = Sha256::new_with_prefix(b"cmdchat/2 room\0");
        for part in [kdf.kdf_name().as_bytes(), room_salt, srp_salt.as_bytes()] {
            // No part is longer than 64 bytes.
            hasher.update((part.len() as u32).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from_hash(self.0.first_chunk().copied().unwrap_or_default())
    }
}

impl Fingerprint {
    /// Reduces 16 bytes of a hash to 25 digits.
    pub(crate) const fn from_hash(head: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(head) % 10_u128.pow(DIGITS))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in (0..5).rev() {
            let digits = self.0 / GROUP.pow(group) % GROUP;
            write!(f, "{digits:05}{}", if group > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

/// The error for a text that is not 25 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseFingerprintError;

impl fmt::Display for ParseFingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fingerprint has 25 digits")
    }
}

impl std::error::Error for ParseFingerprintError {}

/// Parses 25 digits and ignores spaces and dashes.
impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Self, ParseFingerprintError> {
        let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let all_digits = bare.bytes().all(|byte| byte.is_ascii_digit());
        if bare.len() != DIGITS as usize || !all_digits {
            return Err(ParseFingerprintError);
        }
        bare.parse().map(Self).map_err(|_| ParseFingerprintError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprint_parses_displayed_or_typed_form() {
        let fingerprint = Fingerprint(u128::MAX % 10_u128.pow(DIGITS));
        assert_eq!(fingerprint.to_string(), "84634 63374 60743 17682 11455");
        for typed in [fingerprint.to_string(), fingerprint.to_string().replace(' ', "-")] {
            assert_eq!(typed.parse(), Ok(fingerprint));
        }
        for wrong in ["", "12345", "1234a 67890 12345 67890 12345", "+2345 67890 12345 67890 12345"]
        {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(ParseFingerprintError), "{wrong}");
        }
        assert_eq!(Fingerprint(0).to_string(), "00000 00000 00000 00000 00000");
    }
}
