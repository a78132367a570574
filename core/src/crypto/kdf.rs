//! Keys made from what the members know.

use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    crypto::fernet::RoomKey,
    secret::{Password, Secret, with_stack_zeroed},
};

/// How the keys of a room are made from its password (PROTOCOL 2.1). The list
/// is closed, and its numbers never cross the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kdf {
    /// A classic room: the password itself, as in protocol 1.
    None,
    /// A strict room: Argon2id, version 0x13, 64 MiB, three passes, four lanes.
    Argon2id,
}

impl Kdf {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Argon2id => "argon2id-v19-m65536-t3-p4",
        }
    }

    /// The one of this name; any other is refused.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Argon2id].into_iter().find(|kdf| kdf.name() == name)
    }
}

/// The key of a classic room: HKDF-SHA256 (RFC 5869) of the password with the
/// server's `room_salt` (PROTOCOL 1.4). Fast, so a weak password can be
/// guessed from one token (PROTOCOL 1.8).
#[must_use]
pub fn room_key(password: &Password, room_salt: &[u8; 16]) -> RoomKey {
    with_stack_zeroed(|| {
        let kdf = Hkdf::<Sha256>::new(Some(room_salt), password.expose());
        RoomKey::new(&Secret::fill_with(|key| {
            // 32 bytes is one block of SHA-256: the length cannot be refused.
            let _ = kdf.expand(b"cmd-chat-room-key", key);
        }))
    })
}

/// The password of a strict room, stretched (PROTOCOL 2.1): every guess at it
/// costs 64 MiB and three passes over them (RFC 9106).
#[derive(Debug)]
pub struct StretchedKey(Secret<32>);

impl StretchedKey {
    /// Slow: some hundred milliseconds and 64 MiB.
    #[must_use]
    pub fn new(password: &Password, room_salt: &[u8; 16]) -> Self {
        Self(Secret::fill_with(|secret| {
            // Constants, and a password that fits into memory: nothing of it can be refused.
            if let Ok(params) = Params::new(64 << 10, 3, 4, Some(secret.len())) {
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let _ = argon2.hash_password_into(password.expose(), room_salt, secret);
            }
        }))
    }

    /// What SRP takes for the password.
    #[must_use]
    pub fn srp_password(&self) -> Password {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        expand(&self.0, b"cmdchat/2 srp password", &mut bytes);
        Password::new(bytes)
    }

    /// The key of the room.
    #[must_use]
    pub fn room_key(&self) -> RoomKey {
        RoomKey::new(&Secret::fill_with(|key| expand(&self.0, b"cmdchat/2 room key", key)))
    }
}

/// HKDF-Expand (RFC 5869, section 2.3) of at most 32 bytes.
pub(crate) fn expand(secret: &Secret<32>, info: &[u8], out: &mut [u8]) {
    // The secret is as long as the hash and the output no longer: neither can be refused.
    if let Ok(kdf) = Hkdf::<Sha256>::from_prk(secret.expose()) {
        let _ = kdf.expand(info, out);
    }
}
