//! Elements of the SRP group and their powers. Elements are as secret as their
//! inputs, so all of them are zeroized on drop and redacted in `Debug`.
//!
//! `crypto-bigint`'s Montgomery multiplier computes every product, over integers on
//! the heap. This module only selects the products for powers of a fixed base. It
//! always reads the whole table, whatever the exponent is.

use std::{fmt, ops::Deref, sync::LazyLock};

use crypto_bigint::{
    BoxedUint, CtAssign as _, CtEq as _, MontyForm, MontyMultiplier as _, Resize as _,
    modular::BoxedMontyForm,
};
use srp::{Group as _, groups::G2048};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// An integer modulo `N`, in Montgomery form.
pub(super) struct GroupElement(Zeroizing<BoxedMontyForm>);

impl GroupElement {
    /// Converts an integer of at most 2,048 bits.
    pub(super) fn new(integer: &BoxedUint) -> Self {
        let params = G.one.params();
        Self::wiped(BoxedMontyForm::new(integer.resize(params.bits_precision()), params))
    }

    /// Returns the integer.
    pub(super) fn number(&self) -> SecretUint {
        SecretUint::wiped(self.0.retrieve())
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        Self::wiped(&*self.0 + &*other.0)
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        Self::wiped(&*self.0 * &*other.0)
    }

    /// Computes a power, in constant time for a given length of the exponent.
    pub(super) fn pow(&self, exponent: &BoxedUint) -> Self {
        Self::wiped(self.0.pow(exponent))
    }

    fn wiped(form: BoxedMontyForm) -> Self {
        Self(Zeroizing::new(form))
    }
}

impl fmt::Debug for GroupElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Element(…)")
    }
}

/// The generator `g`, whose tables are computed once per process.
pub(super) static G: LazyLock<FixedBase> = LazyLock::new(|| FixedBase::of(G2048::generator()));

/// A fixed base with precomputed tables of about 20 kB: the Lim–Lee comb method
/// (Handbook of Applied Cryptography, 14.117). A power costs 80 multiplications,
/// where [`GroupElement::pow`] needs 330. Computing the tables costs 310.
///
/// The 256 bits of the exponent form four lines of 64 columns. A column is a number
/// of four bits, which selects the powers of the base to multiply in. The first table
/// holds the powers with the exponents 1, 2^64, 2^128 and 2^192 and all their
/// products. With one table, each of the 64 columns would need a squaring. The other
/// three tables start 16, 32 and 48 columns further, so 16 squarings are enough.
pub(super) struct FixedBase {
    one: BoxedMontyForm,
    tables: [Table; TABLES as usize],
}

/// The entries, indexed by the four-bit number of a column.
type Table = Vec<Zeroizing<BoxedMontyForm>>;

const LINES: u32 = 4;
const COLUMNS: u32 = 64;
const TABLES: u32 = 4;
/// The number of columns per table.
const STRIDE: u32 = COLUMNS / TABLES;

impl FixedBase {
    /// Computes the tables. Slow: costs about one exponentiation.
    pub(super) fn new(base: &GroupElement) -> Self {
        Self::of((*base.0).clone())
    }

    fn of(base: BoxedMontyForm) -> Self {
        let one = BoxedMontyForm::one(base.params());
        let params = one.params().clone();
        let mut multiplier = Multiplier::from(&params);
        let mut base = Zeroizing::new(base);
        let mut tables = [(); TABLES as usize].map(|()| vec![Zeroizing::new(one.clone())]);
        for _ in 0..LINES {
            for table in &mut tables {
                // Entries without the bit of this line, followed by those with it.
                let mut with = table.clone();
                for product in &mut with {
                    multiplier.mul_assign(product, &base);
                }
                table.append(&mut with);
                for _ in 0..STRIDE {
                    multiplier.square_assign(&mut base);
                }
            }
        }
        Self { one, tables }
    }

    /// Computes a power in constant time. The exponent has at most 256 bits.
    pub(super) fn pow(&self, exponent: &BoxedUint) -> GroupElement {
        let mut multiplier = Multiplier::from(self.one.params());
        let mut power = Zeroizing::new(self.one.clone());
        let mut factor = Zeroizing::new(self.one.clone());
        for column in (0..STRIDE).rev() {
            multiplier.square_assign(&mut power);
            for (table, first) in self.tables.iter().zip((0..).step_by(STRIDE as usize)) {
                choose(table, bits(exponent, first + column), &mut factor);
                multiplier.mul_assign(&mut power, &factor);
            }
        }
        GroupElement(power)
    }
}

/// Redacted, because the base may be `v`.
impl fmt::Debug for FixedBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FixedBase(…)")
    }
}

type Multiplier<'a> = <BoxedMontyForm as MontyForm>::Multiplier<'a>;

/// Returns the bits in this column of the exponent, with the lowest line as lowest bit.
fn bits(exponent: &BoxedUint, column: u32) -> u8 {
    (0..LINES).fold(0, |bits, line| bits | exponent.bit(COLUMNS * line + column).to_u8() << line)
}

/// Copies the entry with this number to `chosen`. Reads every entry for constant time.
fn choose(table: &Table, number: u8, chosen: &mut BoxedMontyForm) {
    for (at, entry) in (0_u8..).zip(table) {
        chosen.as_montgomery_mut().ct_assign(entry.as_montgomery(), at.ct_eq(&number));
    }
}

/// A secret integer, zeroized on drop and redacted in `Debug`.
pub(super) struct SecretUint(Zeroizing<BoxedUint>);

impl SecretUint {
    /// Creates an ephemeral secret of 256 bits with the top bit set (PROTOCOL 1.3: `a` and `b`).
    pub(super) fn ephemeral(secret: &Secret<32>) -> Self {
        let mut bytes = Zeroizing::new(*secret.expose());
        bytes[0] |= 0x80;
        Self::from_bytes(&bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self::wiped(BoxedUint::from_be_slice_vartime(bytes))
    }

    pub(super) fn wiped(number: BoxedUint) -> Self {
        Self(Zeroizing::new(number))
    }
}

impl Deref for SecretUint {
    type Target = BoxedUint;

    fn deref(&self) -> &BoxedUint {
        &self.0
    }
}

impl fmt::Debug for SecretUint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number(…)")
    }
}

#[cfg(test)]
mod tests;
