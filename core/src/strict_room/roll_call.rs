//! Numbers that members compare aloud (PROTOCOL 2.7). They are slow to compute, so that
//! nobody can search for two rooms that share one.

use argon2::{Algorithm, Argon2, Params, Version};

use crate::{
    fingerprint::{Fingerprint, RoomHash},
    strict_room::{hash_chain::ChainHash, member_key::KeyId},
};

/// Computes the roll call: equal for all members of one room with the same keys in it.
/// Slow: some hundred milliseconds and 64 MiB.
pub(crate) fn roll_call(room: &RoomHash, ids: &[KeyId]) -> Fingerprint {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let mut input = room.as_bytes().to_vec();
    input.extend(ids.iter().flat_map(|id| id.0));
    stretch(&input, b"cmdchat/2 roll call")
}

/// Computes the number of the conversation up to event `n`: equal for all members that
/// were shown the same events. Slow, as [`roll_call`].
pub(crate) fn conversation(room: &RoomHash, n: u64, view: &ChainHash) -> Fingerprint {
    let input = [&room.as_bytes()[..], &n.to_be_bytes(), view.as_bytes()].concat();
    stretch(&input, b"cmdchat/2 conversation")
}

fn stretch(input: &[u8], salt: &[u8]) -> Fingerprint {
    let mut digest = [0; 16];
    // Cannot fail: the parameters are constants and the input fits into memory.
    if let Ok(params) = Params::new(64 << 10, 1, 4, Some(digest.len())) {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let _ = argon2.hash_password_into(input, salt, &mut digest);
    }
    Fingerprint::from_hash(digest)
}
