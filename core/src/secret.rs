//! Secrets: wiped when dropped, silent in `Debug`, compared in constant time;
//! and work on them that leaves nothing on the stack.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// `N` secret bytes. They live on the heap, so that moving the value leaves no
/// copy behind; there is no `Clone` and no serialisation.
#[derive(ZeroizeOnDrop)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Lets `fill` write the bytes in place.
    pub fn fill_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut bytes = Box::new([0; N]);
        fill(&mut bytes);
        Self(bytes)
    }

    /// Takes the bytes over and wipes the caller's copy.
    #[must_use]
    pub fn take(bytes: &mut [u8; N]) -> Self {
        let secret = Self::fill_with(|own| own.copy_from_slice(bytes));
        bytes.zeroize();
        secret
    }

    /// The bytes, for a primitive that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl Secret<32> {
    /// Whether a peer's `claimed` is this, in constant time and at the same
    /// cost for every content and length.
    #[must_use]
    pub fn matches(&self, claimed: &[u8]) -> bool {
        let mut padded = [0; 32];
        for (to, from) in padded.iter_mut().zip(claimed) {
            *to = *from;
        }
        (padded.as_slice().ct_eq(self.expose()) & claimed.len().ct_eq(&32)).into()
    }
}

/// Constant time.
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

/// What the members of a room know: the UTF-8 bytes of a password, as typed
/// (PROTOCOL 1.3, "P"). May be empty in a classic room.
#[derive(ZeroizeOnDrop)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes the bytes over; they are wiped on drop.
    #[must_use]
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the key derivations.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Constant time, but for the length.
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

/// Runs `work` and then overwrites the stack below the caller, where the
/// primitives leave what they worked on. They wipe some of it, not all, and
/// what is left stays there until something else happens to go as deep.
pub(crate) fn with_stack_zeroed<T>(work: impl FnOnce() -> T) -> T {
    /// A frame of its own, below the caller's.
    #[inline(never)]
    fn in_own_frame<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    /// 8 KiB deep: more than any primitive here goes.
    #[inline(never)]
    fn zero_stack() {
        [0_u64; 1024].zeroize();
    }
    let result = in_own_frame(work);
    zero_stack();
    result
}
