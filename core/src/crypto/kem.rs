//! ML-KEM-768 (FIPS 203), the post-quantum half of the hybrid handshake
//! (PROTOCOL 2.3). All randomness is an argument, so that a login is deterministic.

use ml_kem::{
    B32, DecapsulationKey768, EncapsulationKey768, Key, KeyExport as _, Seed,
    kem::{Ciphertext, Decapsulate as _},
    ml_kem_768::MlKem768,
};
use zeroize::Zeroize as _;

use crate::secret::{Secret, with_stack_zeroed};

/// The client's fresh key pair for one login.
pub(crate) struct KemKeyPair(Box<DecapsulationKey768>);

impl KemKeyPair {
    /// Generates the key pair from `d || z` of FIPS 203, algorithm 16.
    pub(crate) fn new(seed: &Secret<64>) -> Self {
        with_stack_zeroed(|| {
            Self(Box::new(DecapsulationKey768::from_seed(Seed::from(*seed.expose()))))
        })
    }

    /// Returns the encapsulation key, 1,184 bytes.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.0.encapsulation_key().to_bytes().to_vec()
    }

    /// Returns the shared secret Z, or `None` if the ciphertext does not have 1,088
    /// bytes. A forged ciphertext of that length yields an unrelated secret.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Option<Secret<32>> {
        let ciphertext = Ciphertext::<MlKem768>::try_from(ciphertext).ok()?;
        Some(with_stack_zeroed(|| shared(self.0.decapsulate(&ciphertext))))
    }
}

/// A client's encapsulation key, checked as FIPS 203, section 7.2, requires.
#[derive(Debug)]
pub(crate) struct EncapsulationKey(Box<EncapsulationKey768>);

impl EncapsulationKey {
    /// Returns `None` unless `bytes` are a valid key of 1,184 bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let key = Key::<EncapsulationKey768>::try_from(bytes).ok()?;
        EncapsulationKey768::new(&key).ok().map(|key| Self(Box::new(key)))
    }

    /// Returns the ciphertext for the client and the shared secret Z. `m` is the
    /// fresh randomness of FIPS 203, algorithm 17.
    pub(crate) fn encapsulate(&self, m: &Secret<32>) -> (Vec<u8>, Secret<32>) {
        with_stack_zeroed(|| {
            let mut m = B32::from(*m.expose());
            let (ciphertext, z) = self.0.encapsulate_deterministic(&m);
            m.zeroize();
            (ciphertext.to_vec(), shared(z))
        })
    }
}

fn shared(z: ml_kem::SharedKey) -> Secret<32> {
    Secret::take(&mut z.into())
}
