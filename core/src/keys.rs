//! Keys made from what the members know.

use hkdf::Hkdf;
use sha2::Sha256;

use crate::{
    fernet::RoomKey,
    secret::{Password, Secret},
};

/// The key of a classic room: HKDF-SHA256 (RFC 5869) of the password with the
/// server's `room_salt` (PROTOCOL 1.4). Fast, so a weak password can be
/// guessed from one token (PROTOCOL 1.8).
#[must_use]
pub fn room_key(password: &Password, room_salt: &[u8; 16]) -> RoomKey {
    let kdf = Hkdf::<Sha256>::new(Some(room_salt), password.expose());
    RoomKey::new(&Secret::fill_with(|key| {
        // 32 bytes is one block of SHA-256: the length cannot be refused.
        let _ = kdf.expand(b"cmd-chat-room-key", key);
    }))
}
