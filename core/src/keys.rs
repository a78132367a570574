//! Keys made from what the members know.

use hkdf::Hkdf;
use sha2::Sha256;

use crate::{
    fernet::RoomKey,
    secret::{Password, Secret, burning_the_stack},
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
}

/// The key of a classic room: HKDF-SHA256 (RFC 5869) of the password with the
/// server's `room_salt` (PROTOCOL 1.4). Fast, so a weak password can be
/// guessed from one token (PROTOCOL 1.8).
#[must_use]
pub fn room_key(password: &Password, room_salt: &[u8; 16]) -> RoomKey {
    burning_the_stack(|| {
        let kdf = Hkdf::<Sha256>::new(Some(room_salt), password.expose());
        RoomKey::new(&Secret::fill_with(|key| {
            // 32 bytes is one block of SHA-256: the length cannot be refused.
            let _ = kdf.expand(b"cmd-chat-room-key", key);
        }))
    })
}
