//! The group: its elements, and their powers. Elements are as secret as what
//! they were made of, so all are wiped on drop and silent in `Debug`.
//!
//! Every product is one of `crypto-bigint`'s Montgomery multiplier, over
//! integers on the heap. What is ours is which products, for a base that stays
//! the same; and there it reads all of a table whatever the exponent.

use std::{fmt, ops::Deref, sync::LazyLock};

use crypto_bigint::{
    BoxedUint, CtAssign as _, CtEq as _, MontyForm, MontyMultiplier as _, Resize as _,
    modular::BoxedMontyForm,
};
use srp::{Group as _, groups::G2048};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// An integer modulo `N`, as it is multiplied (in Montgomery form).
pub(super) struct GroupElement(Zeroizing<BoxedMontyForm>);

impl GroupElement {
    /// Of an integer of at most 2,048 bits.
    pub(super) fn new(integer: &BoxedUint) -> Self {
        let params = G.one.params();
        Self::wiped(BoxedMontyForm::new(integer.resize(params.bits_precision()), params))
    }

    /// The integer.
    pub(super) fn number(&self) -> SecretUint {
        SecretUint::wiped(self.0.retrieve())
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        Self::wiped(&*self.0 + &*other.0)
    }

    pub(super) fn mul(&self, other: &Self) -> Self {
        Self::wiped(&*self.0 * &*other.0)
    }

    /// In constant time for each length of the exponent.
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

/// `g`, whose tables are made once in the life of the program.
pub(super) static G: LazyLock<FixedBase> = LazyLock::new(|| FixedBase::of(G2048::generator()));

/// A base of many powers, with tables (some 20 kB) that make one for 80
/// multiplications where [`GroupElement::power`] takes 330 (the comb of Lim and
/// Lee; Handbook of Applied Cryptography, 14.117). Making the tables takes 310.
///
/// The exponent's 256 bits stand in four lines of 64. A column of them is a
/// number of four bits, which says which of the base's powers to multiply in:
/// those with the exponents 1, 2^64, 2^128 and 2^192 and all their products
/// are the first table. Then one would square and go on to the next column.
/// The other three tables start 16, 32 and 48 columns further, so that 16
/// squarings do for all 64.
pub(super) struct FixedBase {
    one: BoxedMontyForm,
    tables: [Table; TABLES as usize],
}

/// By the number that chooses.
type Table = Vec<Zeroizing<BoxedMontyForm>>;

const LINES: u32 = 4;
const COLUMNS: u32 = 64;
const TABLES: u32 = 4;
/// Columns of one table.
const STRIDE: u32 = COLUMNS / TABLES;

impl FixedBase {
    /// Slow: as much as one exponentiation.
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
                // Without the bit of this line, and then with it.
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

    /// The exponent has at most 256 bits. In constant time.
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

/// The base may be `v`.
impl fmt::Debug for FixedBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FixedBase(…)")
    }
}

type Multiplier<'a> = <BoxedMontyForm as MontyForm>::Multiplier<'a>;

/// What stands in this column of the exponent, the lowest line lowest.
fn bits(exponent: &BoxedUint, column: u32) -> u8 {
    (0..LINES).fold(0, |bits, line| bits | exponent.bit(COLUMNS * line + column).to_u8() << line)
}

/// Reads every entry, and keeps the one with this number.
fn choose(table: &Table, number: u8, chosen: &mut BoxedMontyForm) {
    for (at, entry) in (0_u8..).zip(table) {
        chosen.as_montgomery_mut().ct_assign(entry.as_montgomery(), at.ct_eq(&number));
    }
}

/// A secret integer: wiped on drop, silent in `Debug`.
pub(super) struct SecretUint(Zeroizing<BoxedUint>);

impl SecretUint {
    /// 256 bits with the top bit set (PROTOCOL 1.3: `a` and `b`).
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
