//! Deterministic randomness for the state machines: one secret seed per run.

use std::{iter, num::NonZero};

use chacha20::ChaCha20Rng;
use hkdf::Hkdf;
use rand_core::{Rng as _, SeedableRng};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// 32 secret bytes from which all randomness of a run or of one connection is
/// derived. The same seed gives the same run, to the byte.
#[derive(Debug)]
pub struct Seed(Secret<32>);

impl Seed {
    /// Creates a seed. `secret` comes from the system's generator or from a test.
    #[must_use]
    pub const fn new(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// Derives an independent seed for one purpose, for example one connection.
    /// Different `(label, number)` pairs never give the same seed.
    #[must_use]
    pub fn fork(&self, label: &str, number: u64) -> Self {
        let kdf = Hkdf::<Sha256>::new(Some(b"cmdchat seed"), self.0.expose());
        let mut okm = Zeroizing::new([0; 32]);
        let info = [label.as_bytes(), &number.to_be_bytes()];
        // Cannot fail: 32 bytes are one SHA-256 block.
        let _ = kdf.expand_multi_info(&info, okm.as_mut());
        Self(Secret::take(&mut okm))
    }

    /// Returns an endless iterator of uniformly distributed numbers below `bound`.
    /// Use a separate fork for each call, because every call yields the same numbers.
    pub fn uniform_below(&self, bound: NonZero<u32>) -> impl Iterator<Item = u32> + use<> {
        let mut rng = self.rng();
        // Rejection sampling: the last, partial run of `bound` would favour small numbers.
        let fair = u32::MAX - u32::MAX % bound;
        let draw = move || u32::from_be_bytes(rng.bytes());
        iter::repeat_with(draw).filter(move |drawn| *drawn < fair).map(move |drawn| drawn % bound)
    }

    /// Returns the generator of this seed, in its initial state.
    pub(crate) fn rng(&self) -> Rng {
        Rng(ChaCha20Rng::from_seed(*self.0.expose()))
    }
}

/// A seeded generator whose state is zeroized on drop.
pub(crate) struct Rng(ChaCha20Rng);

impl Rng {
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    pub(crate) fn secret<const N: usize>(&mut self) -> Secret<N> {
        Secret::fill_with(|bytes| self.fill(bytes))
    }

    /// Generates a random (version 4) UUID in its usual text form.
    pub(crate) fn uuid(&mut self) -> String {
        let id = uuid::Builder::from_random_bytes(self.bytes()).into_uuid();
        id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_below_covers_the_whole_range() {
        for bound in
            [1, 2, 7, 1_295].map(|bound| NonZero::new(bound).unwrap_or(NonZero::<u32>::MIN))
        {
            let seed = Seed::new(Secret::take(&mut [7; 32]));
            let numbers: Vec<_> = seed.uniform_below(bound).take(20_000).collect();
            assert!(numbers.iter().all(|number| *number < bound.get()));
            assert!((0..bound.get()).all(|number| numbers.contains(&number)));
            assert!(seed.uniform_below(bound).take(20_000).eq(numbers));
        }
    }
}
