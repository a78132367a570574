//! Keys of the members of a strict room (PROTOCOL 2.6): they last for one run of the
//! program and tell that somebody is the same as before.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::{secret::Secret, seed::Rng};

/// The key pairs of this client: Ed25519 (RFC 8032) to sign its envelopes, and X25519
/// (RFC 7748) to receive private messages. Zeroized on drop.
pub struct MemberKey {
    signing: SigningKey,
    agreement: StaticSecret,
}

impl MemberKey {
    pub(crate) fn generate(rng: &mut Rng) -> Self {
        Self::new(&rng.secret(), &rng.secret())
    }

    /// Creates the key pairs from the Ed25519 seed and the X25519 private key.
    pub(crate) fn new(signing: &Secret<32>, agreement: &Secret<32>) -> Self {
        let signing = SigningKey::from_bytes(signing.expose());
        Self { signing, agreement: StaticSecret::from(*agreement.expose()) }
    }

    /// Returns the public key that verifies this client's envelopes.
    pub(crate) fn public(&self) -> PublicMemberKey {
        PublicMemberKey(self.signing.verifying_key().to_bytes())
    }

    /// Returns the X25519 public key.
    pub(crate) fn agreement_key(&self) -> [u8; 32] {
        PublicKey::from(&self.agreement).to_bytes()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// Returns whether a private message can be encrypted to this X25519 key: a key of
    /// small order would give the all-zero result (RFC 7748, section 6.1).
    pub(crate) fn accepts_agreement_key(&self, key: [u8; 32]) -> bool {
        self.agreement.diffie_hellman(&PublicKey::from(key)).was_contributory()
    }
}

impl fmt::Debug for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberKey({})", self.public().id())
    }
}

/// The Ed25519 public key of a member, as claimed by an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PublicMemberKey(pub(crate) [u8; 32]);

impl PublicMemberKey {
    /// Returns the id of the member with this key.
    pub(crate) fn id(&self) -> KeyId {
        let hash: [u8; 32] =
            Sha256::new_with_prefix(b"cmdchat/2 member\0").chain_update(self.0).finalize().into();
        KeyId(hash.first_chunk().copied().unwrap_or_default())
    }

    /// Verifies a signature strictly: canonical S, and neither point of small order.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

/// Identifies a member by its key, for the run of its program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) [u8; 16]);

impl KeyId {
    /// Returns `#` and the first `length` characters of the id in lower-case base32
    /// (RFC 4648). Four are for the eye, not a proof; eight tell two equal tags apart.
    #[must_use]
    pub fn tag(&self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let bits = u128::from_be_bytes(self.0);
        let digit = |at: usize| {
            let shift = 128_usize.saturating_sub(5 * (at + 1));
            char::from(ALPHABET[(bits >> shift) as usize % 32])
        };
        std::iter::once('#').chain((0..length.min(25)).map(digit)).collect()
    }
}

impl From<[u8; 16]> for KeyId {
    fn from(id: [u8; 16]) -> Self {
        Self(id)
    }
}

/// Writes 32 lower-case hex digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}
