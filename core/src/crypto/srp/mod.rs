//! SRP-6a as pysrp speaks it: RFC 5054's 2048-bit group, SHA-256, identity
//! `chat` (PROTOCOL 1.3, whose formulas these are; RFC 2945, RFC 5054).
//!
//! | client | server | costs |
//! |---|---|---|
//! | | [`Verifier::new`]: `v` | one power of `g`; tables for the powers of `v` |
//! | [`ClientStart::new`]: `A` | | one exponentiation |
//! | | [`ServerChallenge::new`]: `B` | one power of `g` |
//! | [`ClientStart::answer`]: `M` | | two exponentiations |
//! | | [`ServerChallenge::answer`]: the `M` to expect | one power of `v`, one exponentiation |
//! | | [`ServerProof::check`]: `H_AMK` | nothing |
//! | [`ClientProof::check`]: `K` | | nothing |
//!
//! Each step consumes the one before, so no ephemeral value is used twice, and
//! each wipes what the next does not need. A power of `g` or `v` comes out of
//! tables, at a quarter of an exponentiation: a server makes both for every
//! login. The client, which makes a table's worth of them in its life, leaves
//! its arithmetic to the `srp` crate, as do all their hashes.
//!
//! That crate panics on numbers it does not expect and wipes nothing; so
//! whatever a peer sent becomes a [`PublicValue`] or a [`Salt`] first, and
//! whatever it returns is wiped here, as is the stack it used. (What it freed
//! is the allocator's business.)

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

/// What a server keeps in place of the password. It is a secret: its holder
/// can play the server, and test passwords.
#[derive(Debug)]
pub struct Verifier {
    salt: Salt,
    v: SecretUint,
    powers: FixedBase,
    /// `k * v`, which hides `g^b` in every `B`.
    kv: GroupElement,
}

impl Verifier {
    /// Slow: somewhat more than one exponentiation.
    #[must_use]
    pub fn new(password: &Password, salt: Salt) -> Self {
        with_stack_zeroed(|| {
            let v = G.pow(&private_key(password, &salt)).number();
            Self::of(salt, v)
        })
    }

    /// From what a verifier token holds: `v`, big-endian. `None` unless
    /// 1 < v < N - 1.
    #[must_use]
    pub fn from_parts(salt: Salt, v: &[u8; GROUP_BYTES]) -> Option<Self> {
        // The range is the same as that of public values.
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

    /// `v`, big-endian, with leading zero bytes.
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

    /// The salt to send beside `B`.
    #[must_use]
    pub const fn salt(&self) -> &Salt {
        &self.salt
    }
}

/// The server's side of one login: `B` is made, `A` has not been looked at.
#[derive(Debug)]
pub struct ServerChallenge {
    verifier: Arc<Verifier>,
    b: SecretUint,
    public: Box<[u8]>,
}

impl ServerChallenge {
    /// `b` is fresh from the generator. Slow: a quarter of an exponentiation.
    ///
    /// Should `B` come out as 0, 1 or N - 1 (a chance of some 2^-2046), it is
    /// sent like any other: every client refuses it, and the next login has
    /// another.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>, b: Secret<32>) -> Self {
        let b = SecretUint::ephemeral(&b);
        let public = with_stack_zeroed(|| verifier.kv.add(&G.pow(&b)).number());
        let public = public.to_be_bytes_trimmed_vartime();
        Self { verifier, b, public }
    }

    /// `B`, big-endian without leading zero bytes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Works out what the client has to prove. Slow: more than one exponentiation;
    /// the same work whatever the client knows.
    #[must_use]
    pub fn answer(self, a: &PublicValue) -> ServerProof {
        let Proofs { m, h_amk, session_key } = with_stack_zeroed(|| {
            Proofs::new(&self.verifier.salt, a.as_bytes(), &self.public, &self.premaster(a))
        });
        ServerProof { m, proven: Verified { h_amk: *h_amk.expose(), session_key } }
    }

    /// `S = (A * v^u)^b`
    fn premaster(&self, a: &PublicValue) -> SecretUint {
        let u = scrambler(a.as_bytes(), &self.public);
        let base = GroupElement::new(&a.number()).mul(&self.verifier.powers.pow(&u));
        base.pow(&self.b).number()
    }
}

/// The server's side of one login: it knows which proof to expect.
#[derive(Debug)]
pub struct ServerProof {
    m: Secret<32>,
    proven: Verified,
}

impl ServerProof {
    /// Compares the client's `M` with the one expected, in constant time and
    /// at the same cost for every content and length. A proof that could not
    /// even be decoded is given as an empty slice.
    ///
    /// # Errors
    /// [`WrongProof`] if it is another: the client does not know the password.
    pub fn check(self, m: &[u8]) -> Result<Verified, WrongProof> {
        if self.m.matches(m) { Ok(self.proven) } else { Err(WrongProof) }
    }
}

impl ServerProof {
    /// `K`, unproven: protocol 2 has proofs of its own, made from it.
    #[must_use]
    pub fn into_session_key(self) -> Secret<32> {
        self.proven.session_key
    }
}

/// The server's side of one login: the client knows the password.
pub struct Verified {
    /// The server's own proof, to be sent.
    pub h_amk: [u8; 32],
    /// `K`, known to both sides and to nobody else.
    pub session_key: Secret<32>,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proven(…)")
    }
}

/// The client's side of one login: `A` is made.
#[derive(Debug)]
pub struct ClientStart {
    a: SecretUint,
    public: Box<[u8]>,
}

impl ClientStart {
    /// `a` is fresh from the generator. Slow: one exponentiation.
    #[must_use]
    pub fn new(a: Secret<32>) -> Self {
        let a = SecretUint::ephemeral(&a);
        let public = Client::new().compute_g_x(&a).to_be_bytes_trimmed_vartime();
        Self { a, public }
    }

    /// `A`, big-endian without leading zero bytes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Makes the proof for a server that answered `salt` and `B`. Slow: two
    /// exponentiations. Sending it gives a false server one guess at the
    /// password.
    #[must_use]
    pub fn answer(self, password: &Password, salt: &Salt, b: &PublicValue) -> ClientProof {
        with_stack_zeroed(|| {
            let premaster = self.premaster(password, salt, b);
            ClientProof(Proofs::new(salt, &self.public, b.as_bytes(), &premaster))
        })
    }

    /// `S = (B - k * g^x)^(a + u * x)`
    fn premaster(&self, password: &Password, salt: &Salt, b: &PublicValue) -> SecretUint {
        let k = compute_k::<Sha256>(&G2048::generator());
        let u = scrambler(&self.public, b.as_bytes());
        let x = private_key(password, salt);
        SecretUint::wiped(Client::new().compute_premaster_secret(&b.number(), &k, &x, &self.a, &u))
    }
}

/// The client's side of one login: its proof is made, the server's is due.
#[derive(Debug)]
pub struct ClientProof(Proofs);

impl ClientProof {
    /// `M`, to be sent.
    #[must_use]
    pub fn proof(&self) -> &[u8; 32] {
        self.0.m.expose()
    }

    /// Compares the server's `H_AMK` with the one expected, in constant time,
    /// and gives `K`.
    ///
    /// # Errors
    /// [`WrongProof`] if it is another: the server does not know the password.
    pub fn check(self, h_amk: &[u8]) -> Result<Secret<32>, WrongProof> {
        if self.0.h_amk.matches(h_amk) { Ok(self.0.session_key) } else { Err(WrongProof) }
    }
}

impl ClientProof {
    /// `K`, unproven: protocol 2 has proofs of its own, made from it.
    #[must_use]
    pub fn into_session_key(self) -> Secret<32> {
        self.0.session_key
    }
}

/// A proof that only someone with another password, or none, makes.
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

/// What both sides make of `S`.
#[derive(Debug)]
struct Proofs {
    m: Secret<32>,
    h_amk: Secret<32>,
    session_key: Secret<32>,
}

impl Proofs {
    /// `a` and `b` without leading zero bytes.
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

/// `x`
fn private_key(password: &Password, salt: &Salt) -> SecretUint {
    let identity = hash(&[IDENTITY, b":", password.expose()]);
    SecretUint::from_bytes(hash(&[salt.as_bytes(), identity.expose()]).expose())
}

/// `u`
fn scrambler(a: &[u8], b: &[u8]) -> BoxedUint {
    compute_u_padded::<Sha256>(&G2048::generator(), a, b)
}

/// SHA-256 of the parts one after another, written where it stays, because
/// the `srp` crate's own hashing leaves copies of `x` and `K` behind.
fn hash(parts: &[&[u8]]) -> Secret<32> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Secret::fill_with(|out| hasher.finalize_into(out.into()))
}

#[cfg(test)]
mod tests;
