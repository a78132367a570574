//! SRP-6a, compatible with pysrp: the 2048-bit group of RFC 5054, SHA-256 and the
//! identity `chat`. The formulas are those of PROTOCOL 1.3 (see also RFC 2945).
//!
//! | client | server | cost |
//! |---|---|---|
//! | | [`Verifier::new`]: `v` | one power of `g`; tables for the powers of `v` |
//! | [`ClientStart::new`]: `A` | | one exponentiation |
//! | | [`ServerChallenge::new`]: `B` | one power of `g` |
//! | [`ClientStart::answer`]: `M` | | two exponentiations |
//! | | [`ServerChallenge::answer`]: the expected `M` | one power of `v`, one exponentiation |
//! | | [`ServerProof::check`]: `H_AMK` | nothing |
//! | [`ClientProof::check`]: `K` | | nothing |
//!
//! Each step consumes the previous one, so no ephemeral value is used twice. Each
//! step also zeroizes the values that the next one does not need.
//!
//! The server computes a power of `g` and one of `v` for every login. It uses
//! precomputed tables, which cost a quarter of an exponentiation. The client uses
//! the `srp` crate instead, because it computes too few powers for a table to pay
//! off. Both sides use the `srp` crate for the multiplier and scrambler hashes.
//!
//! That crate panics on unexpected numbers and zeroizes nothing. Therefore every
//! number from a peer is first validated as a [`PublicValue`] or a [`Salt`]. The
//! values that the crate returns and the stack it used are zeroized here; the heap
//! memory it has freed is not.

use std::{error::Error, fmt, sync::Arc};

use crypto_bigint::BoxedUint;
use sha2::{Digest as _, Sha256};
use srp::{
    Group as _,
    groups::G2048,
    utils::{compute_hash_n_xor_hash_pad_g, compute_k, compute_u_padded},
};
use zeroize::Zeroizing;

use crate::secret::{Password, Secret, with_stack_zeroed};

mod group;
mod public_value;

use group::{FixedBase, G, GroupElement, SecretUint};
use public_value::{GROUP_BYTES, strip};
pub use public_value::{PublicValue, PublicValueError, Salt, SaltTooLong};

/// The SRP verifier, which a server stores instead of the passphrase. It is
/// secret: its holder can impersonate the server and try passphrases offline.
#[derive(Debug)]
pub struct Verifier {
    salt: Salt,
    v: SecretUint,
    powers: FixedBase,
    /// `k * v`, the blinding term of every `B`.
    kv: GroupElement,
}

impl Verifier {
    /// Computes the verifier. Slow: costs slightly more than one exponentiation.
    #[must_use]
    pub fn new(password: &Password, salt: Salt) -> Self {
        with_stack_zeroed(|| {
            let v = G.pow(&private_key(password, &salt)).number();
            Self::of(salt, v)
        })
    }

    /// Creates a verifier from the content of a verifier token: `v`, big-endian.
    /// Returns `None` unless 1 < v < N - 1.
    #[must_use]
    pub fn from_parts(salt: Salt, v: &[u8; GROUP_BYTES]) -> Option<Self> {
        // Public values have the same range.
        PublicValue::from_wire(v).ok()?;
        Some(with_stack_zeroed(|| {
            Self::of(salt, SecretUint::wiped(BoxedUint::from_be_slice_vartime(strip(v))))
        }))
    }

    fn of(salt: Salt, v: SecretUint) -> Self {
        let base = GroupElement::new(&v);
        let k = GroupElement::new(&compute_k::<Sha256>(&G2048::generator()));
        Self { salt, v, powers: FixedBase::new(&base), kv: k.mul(&base) }
    }

    /// Returns `v`, big-endian, padded with leading zero bytes.
    #[must_use]
    pub fn padded(&self) -> Zeroizing<[u8; GROUP_BYTES]> {
        let bytes = Zeroizing::new(self.v.to_be_bytes());
        let bytes = strip(&bytes);
        let mut padded = Zeroizing::new([0; GROUP_BYTES]);
        if let Some(place) = padded.get_mut(GROUP_BYTES.saturating_sub(bytes.len())..) {
            place.copy_from_slice(bytes);
        }
        padded
    }

    /// Returns the salt, which the server sends with `B`.
    #[must_use]
    pub const fn salt(&self) -> &Salt {
        &self.salt
    }
}

/// The server's side of one login, after computing `B` and before processing `A`.
#[derive(Debug)]
pub struct ServerChallenge {
    verifier: Arc<Verifier>,
    b: SecretUint,
    public: Box<[u8]>,
}

impl ServerChallenge {
    /// Computes `B` from a freshly generated `b`. Slow: costs a quarter of an
    /// exponentiation.
    ///
    /// If `B` is 0, 1 or N - 1 (probability about 2^-2046), the server sends it
    /// anyway. Every client rejects it, and the next login uses a different value.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>, b: Secret<32>) -> Self {
        let b = SecretUint::ephemeral(&b);
        let public = with_stack_zeroed(|| verifier.kv.add(&G.pow(&b)).number());
        let public = public.to_be_bytes_trimmed_vartime();
        Self { verifier, b, public }
    }

    /// Returns `B`, big-endian without leading zero bytes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Computes the proof to expect from the client. Slow: costs more than one
    /// exponentiation, regardless of what the client knows.
    #[must_use]
    pub fn answer(self, a: &PublicValue) -> ServerProof {
        let Proofs { m, h_amk, session_key } = with_stack_zeroed(|| {
            Proofs::new(&self.verifier.salt, a.as_bytes(), &self.public, &self.premaster(a))
        });
        ServerProof { m, proven: Verified { h_amk: *h_amk.expose(), session_key } }
    }

    /// Computes `S = (A * v^u)^b`.
    fn premaster(&self, a: &PublicValue) -> SecretUint {
        let u = scrambler(a.as_bytes(), &self.public);
        let base = GroupElement::new(&a.number()).mul(&self.verifier.powers.pow(&u));
        base.pow(&self.b).number()
    }
}

/// The server's side of one login, with the proof to expect from the client.
#[derive(Debug)]
pub struct ServerProof {
    m: Secret<32>,
    proven: Verified,
}

impl ServerProof {
    /// Compares the client's `M` with the expected one, in the same time for every
    /// content and length. The caller passes an empty slice for a proof that could
    /// not be decoded.
    ///
    /// # Errors
    /// Returns [`WrongProof`] if they differ: the client does not know the passphrase.
    pub fn check(self, m: &[u8]) -> Result<Verified, WrongProof> {
        if self.m.matches(m) { Ok(self.proven) } else { Err(WrongProof) }
    }
}

impl ServerProof {
    /// Returns `K` without checking a proof, because protocol 2 derives its own proofs
    /// from it.
    #[must_use]
    pub fn into_session_key(self) -> Secret<32> {
        self.proven.session_key
    }
}

/// The server's side of one login, after the client has proved that it knows the
/// passphrase.
pub struct Verified {
    /// The server's proof, for the client.
    pub h_amk: [u8; 32],
    /// `K`, known only to client and server.
    pub session_key: Secret<32>,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proven(…)")
    }
}

/// The client's side of one login, after computing `A`.
#[derive(Debug)]
pub struct ClientStart {
    a: SecretUint,
    public: Box<[u8]>,
}

impl ClientStart {
    /// Computes `A` from a freshly generated `a`. Slow: costs one exponentiation.
    #[must_use]
    pub fn new(a: Secret<32>) -> Self {
        let a = SecretUint::ephemeral(&a);
        let public = Client::new().compute_g_x(&a).to_be_bytes_trimmed_vartime();
        Self { a, public }
    }

    /// Returns `A`, big-endian without leading zero bytes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Computes the proof for a server that sent `salt` and `B`. Slow: costs two
    /// exponentiations. Sending the proof gives a fake server one guess at the
    /// passphrase.
    #[must_use]
    pub fn answer(self, password: &Password, salt: &Salt, b: &PublicValue) -> ClientProof {
        with_stack_zeroed(|| {
            let premaster = self.premaster(password, salt, b);
            ClientProof(Proofs::new(salt, &self.public, b.as_bytes(), &premaster))
        })
    }

    /// Computes `S = (B - k * g^x)^(a + u * x)`.
    fn premaster(&self, password: &Password, salt: &Salt, b: &PublicValue) -> SecretUint {
        let k = compute_k::<Sha256>(&G2048::generator());
        let u = scrambler(&self.public, b.as_bytes());
        let x = private_key(password, salt);
        SecretUint::wiped(Client::new().compute_premaster_secret(&b.number(), &k, &x, &self.a, &u))
    }
}

/// The client's side of one login, with its own proof and the one to expect from the
/// server.
#[derive(Debug)]
pub struct ClientProof(Proofs);

impl ClientProof {
    /// Returns `M`, for the server.
    #[must_use]
    pub fn proof(&self) -> &[u8; 32] {
        self.0.m.expose()
    }

    /// Compares the server's `H_AMK` with the expected one in constant time, and
    /// returns `K`.
    ///
    /// # Errors
    /// Returns [`WrongProof`] if they differ: the server does not know the passphrase.
    pub fn check(self, h_amk: &[u8]) -> Result<Secret<32>, WrongProof> {
        if self.0.h_amk.matches(h_amk) { Ok(self.0.session_key) } else { Err(WrongProof) }
    }
}

impl ClientProof {
    /// Returns `K` without checking a proof, because protocol 2 derives its own proofs
    /// from it.
    #[must_use]
    pub fn into_session_key(self) -> Secret<32> {
        self.0.session_key
    }
}

/// The error for a wrong proof: the peer does not know the passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongProof;

impl fmt::Display for WrongProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the other side does not know the password")
    }
}

impl Error for WrongProof {}

type Client = srp::ClientG2048<Sha256>;

const IDENTITY: &[u8] = b"chat";

/// The proofs and the session key, which both sides derive from `S`.
#[derive(Debug)]
struct Proofs {
    m: Secret<32>,
    h_amk: Secret<32>,
    session_key: Secret<32>,
}

impl Proofs {
    /// Derives the proofs. `a` and `b` have no leading zero bytes.
    fn new(salt: &Salt, a: &[u8], b: &[u8], s: &SecretUint) -> Self {
        let group = compute_hash_n_xor_hash_pad_g::<Sha256>(&G2048::generator());
        let session_key = hash(&[strip(&Zeroizing::new(s.to_be_bytes()))]);
        let m = hash(&[
            &group,
            hash(&[IDENTITY]).expose(),
            salt.as_bytes(),
            a,
            b,
            session_key.expose(),
        ]);
        let h_amk = hash(&[a, m.expose(), session_key.expose()]);
        Self { m, h_amk, session_key }
    }
}

/// Computes `x`, the private key.
fn private_key(password: &Password, salt: &Salt) -> SecretUint {
    let identity = hash(&[IDENTITY, b":", password.expose()]);
    SecretUint::from_bytes(hash(&[salt.as_bytes(), identity.expose()]).expose())
}

/// Computes `u`, the scrambling parameter.
fn scrambler(a: &[u8], b: &[u8]) -> BoxedUint {
    compute_u_padded::<Sha256>(&G2048::generator(), a, b)
}

/// Computes the SHA-256 of the concatenated parts and writes it directly into the
/// secret. The hash functions of the `srp` crate leave copies of `x` and `K` behind.
fn hash(parts: &[&[u8]]) -> Secret<32> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Secret::fill_with(|out| hasher.finalize_into(out.into()))
}

#[cfg(test)]
mod tests;
