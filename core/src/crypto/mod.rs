//! Cryptographic building blocks: SRP-6a, key derivation and Fernet.

pub mod fernet;
pub mod kdf;
pub(crate) mod kem;
pub(crate) mod key_schedule;
pub mod srp;
