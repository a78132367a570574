//! Key derivation from the passphrase of a room.

use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::{
    crypto::fernet::RoomKey,
    secret::{Password, Secret, with_stack_zeroed},
};

/// Derives the key of a classic room: HKDF-SHA256 (RFC 5869) of the passphrase
/// with the server's `room_salt` (PROTOCOL 1.4). The derivation is fast, so one
/// token is enough to guess a weak passphrase (PROTOCOL 1.8).
#[must_use]
pub fn room_key(password: &Password, room_salt: &[u8; 16]) -> RoomKey {
    with_stack_zeroed(|| {
        let kdf = Hkdf::<Sha256>::new(Some(room_salt), password.expose());
        RoomKey::new(&Secret::fill_with(|key| {
            // Cannot fail: 32 bytes are one SHA-256 block.
            let _ = kdf.expand(b"cmd-chat-room-key", key);
        }))
    })
}

/// The stretched passphrase of a strict room (PROTOCOL 2.1). Every guess at the
/// passphrase costs 64 MiB of memory and three passes over it (RFC 9106).
#[derive(Debug)]
pub struct StretchedKey(Secret<32>);

impl StretchedKey {
    /// Stretches the passphrase, in Unicode normal form C, so that it does not matter
    /// how a keyboard composes a letter. Slow: takes some hundred milliseconds and
    /// 64 MiB.
    #[must_use]
    pub fn new(password: &Password, room_salt: &[u8; 16]) -> Self {
        let password = normalized(password);
        Self(Secret::fill_with(|secret| {
            // Cannot fail: the parameters are constants and the passphrase fits into memory.
            if let Ok(params) = Params::new(64 << 10, 3, 4, Some(secret.len())) {
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let _ = argon2.hash_password_into(&password, room_salt, secret);
            }
        }))
    }

    /// Returns the secret that SRP uses as its password.
    #[must_use]
    pub fn srp_password(&self) -> Password {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        expand(&self.0, b"cmdchat/2 srp password", &mut bytes);
        Password::new(bytes)
    }

    /// Returns the room key.
    #[must_use]
    pub fn room_key(&self) -> RoomKey {
        RoomKey::new(&Secret::fill_with(|key| expand(&self.0, b"cmdchat/2 room key", key)))
    }
}

/// Returns the passphrase in normal form C. One that is not UTF-8 stays as it is.
fn normalized(password: &Password) -> Zeroizing<Vec<u8>> {
    let bytes = password.expose();
    let Ok(text) = str::from_utf8(bytes) else { return Zeroizing::new(bytes.to_vec()) };
    // Normal form C is at most three times as long (Unicode Standard Annex 15).
    let mut composed = Zeroizing::new(String::with_capacity(3 * text.len()));
    composed.extend(text.nfc());
    Zeroizing::new(composed.as_bytes().to_vec())
}

/// Runs HKDF-Expand (RFC 5869, section 2.3) for at most 32 bytes of output.
pub(crate) fn expand(secret: &Secret<32>, info: &[u8], out: &mut [u8]) {
    // Cannot fail: the secret is as long as the hash, and the output is no longer.
    if let Ok(kdf) = Hkdf::<Sha256>::from_prk(secret.expose()) {
        let _ = kdf.expand(info, out);
    }
}
