//! Secret values, and a wrapper that zeroizes the stack after computing with
//! them. Secrets are zeroized on drop, redacted in `Debug` and compared in
//! constant time.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `N` secret bytes, stored on the heap so that moving the value leaves no copy
/// behind. The type implements neither `Clone` nor serialisation.
#[derive(ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Creates a secret whose bytes `fill` writes in place.
    pub fn fill_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut bytes = Box::new([0; N]);
        fill(&mut bytes);
        Self(bytes)
    }

    /// Moves the bytes into a secret and zeroizes the caller's copy.
    #[must_use]
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let secret = Self::fill_with(|own| own.copy_from_slice(bytes));
        bytes.zeroize();
        secret
    }

    /// Returns the bytes, for a primitive that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl Secret<32> {
    /// Returns true if a peer's `claimed` equals this secret. The comparison takes
    /// the same time for every content and length.
    #[must_use]
    pub fn matches(&self, claimed: &[u8]) -> bool {
        let mut padded = [0; 32];
        for (to, from) in padded.iter_mut().zip(claimed) {
            *to = *from;
        }
        (padded.as_slice().ct_eq(self.expose()) & claimed.len().ct_eq(&32)).into()
    }
}

/// Compares in constant time.
impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The passphrase that the members of a room share: its UTF-8 bytes, as typed
/// (PROTOCOL 1.3, "P"). It may be empty in a classic room.
#[derive(ZeroizeOnDrop)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes ownership of the bytes, which are zeroized on drop.
    #[must_use]
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for the key derivations.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Compares in constant time, except that the time depends on the length.
impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Runs `work`, then overwrites the stack below the caller, where primitives
/// leave intermediate values. They zeroize only some of them. The rest would stay
/// there until another call happens to reach the same depth.
pub(crate) fn with_stack_zeroed<T>(work: impl FnOnce() -> T) -> T {
    /// Runs `work` in a separate stack frame below the caller's.
    #[inline(never)]
    fn in_own_frame<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    /// Overwrites 8 KiB, which is deeper than any primitive here reaches.
    #[inline(never)]
    fn zero_stack() {
        [0_u64; 1024].zeroize();
    }
    let result = in_own_frame(work);
    zero_stack();
    result
}
