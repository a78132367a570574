//! Records: what every line of a sealed link is after its handshake
//! (PROTOCOL 2.4).
//!
//! A record is the base64 of a ChaCha20-Poly1305 box (RFC 8439) around one
//! JSON object and the spaces that fill it up to a bucket. Its nonce is its
//! number and never sent: one that was left out, repeated, swapped or altered
//! on the way cannot be opened.

use std::{error::Error, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{AeadInOut as _, ChaCha20Poly1305, KeyInit as _};
use zeroize::Zeroizing;

use crate::secret::{Secret, burning_the_stack};

/// The longest object in a record, in bytes.
pub const MAX_OBJECT: usize = 65_536;
/// The longest record line, in bytes before the `\n`.
pub const MAX_RECORD: usize = (MAX_OBJECT + TAG).div_ceil(3) * 4;
/// The smallest bucket; each of the others is twice the one before.
const SMALLEST: usize = 1_024;
const TAG: usize = 16;
/// A workbench above this many bytes is given back: every member has one.
const KEPT: usize = SMALLEST + TAG;
/// Records of one direction. The last must be a `bye`.
const RECORDS: u64 = 1 << 32;

/// Seals what one side sends.
pub struct Sealer {
    key: Secret<32>,
    number: u64,
    /// Where a record is put together: the object, and then the box.
    bench: Zeroizing<Vec<u8>>,
}

impl Sealer {
    pub(crate) fn new(key: &Secret<32>) -> Self {
        Self { key: copied(key), number: 0, bench: Zeroizing::default() }
    }

    /// Appends the record of `object`, with its `\n`, to `out`.
    ///
    /// An object over [`MAX_OBJECT`] bytes cannot be sent, nor can anything
    /// after 2^32 records: nothing is appended then, and the link is over,
    /// since the other side would wait for ever for that record.
    ///
    /// # Errors
    /// [`Unsealable`], as said.
    pub fn seal(&mut self, object: &[u8], out: &mut Vec<u8>) -> Result<(), Unsealable> {
        let bucket = bucket(object.len()).ok_or(Unsealable)?;
        if self.number >= RECORDS {
            return Err(Unsealable);
        }
        self.bench.clear();
        self.bench.reserve(bucket + TAG);
        self.bench.extend_from_slice(object);
        self.bench.resize(bucket, b' ');
        let nonce = nonce(self.number).into();
        let (key, bench) = (&self.key, &mut *self.bench);
        let boxed = burning_the_stack(|| cipher(key).encrypt_in_place(&nonce, b"", bench));
        boxed.map_err(|_| Unsealable)?;
        self.number += 1;

        let start = out.len();
        out.resize(start + self.bench.len().div_ceil(3) * 4, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        STANDARD.encode_slice(&self.bench, room).map_err(|_| Unsealable)?;
        out.push(b'\n');
        if self.bench.capacity() > KEPT {
            self.bench = Zeroizing::default();
        }
        Ok(())
    }

    /// One more record may be sealed, and that has to be a `bye`.
    #[must_use]
    pub const fn is_at_its_last(&self) -> bool {
        self.number + 1 >= RECORDS
    }
}

/// Opens what the other side sent.
pub struct Opener {
    key: Secret<32>,
    number: u64,
    opened: Zeroizing<Vec<u8>>,
}

impl Opener {
    pub(crate) fn new(key: &Secret<32>) -> Self {
        Self { key: copied(key), number: 0, opened: Zeroizing::default() }
    }

    /// Opens the next record, given without its `\n`, and gives its object
    /// without the spaces behind it. That it is one is for the reader to see.
    ///
    /// # Errors
    /// [`Tampered`] if it is not exactly what the other side sealed next; the
    /// connection must end at once.
    pub fn open(&mut self, line: &[u8]) -> Result<&[u8], Tampered> {
        if line.len() > MAX_RECORD || self.number >= RECORDS {
            return Err(Tampered);
        }
        self.opened.clear();
        STANDARD.decode_vec(line, &mut self.opened).map_err(|_| Tampered)?;
        let nonce = nonce(self.number).into();
        let (key, bench) = (&self.key, &mut *self.opened);
        let opened = burning_the_stack(|| cipher(key).decrypt_in_place(&nonce, b"", bench));
        opened.map_err(|_| Tampered)?;
        self.number += 1;
        let length = self.opened.len();
        if bucket(length) != Some(length) {
            return Err(Tampered);
        }
        let spaces = self.opened.iter().rev().take_while(|byte| **byte == b' ').count();
        match self.opened.get(..length - spaces) {
            Some(object @ [b'{', .., b'}']) => Ok(object),
            _ => Err(Tampered),
        }
    }
}

/// Nothing of what passes.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(record {})", self.number)
    }
}

/// Nothing of what passes.
impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener(record {})", self.number)
    }
}

/// A record that cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsealable;

impl fmt::Display for Unsealable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line does not fit a record, or the link has had all its records")
    }
}

impl Error for Unsealable {}

/// A record that is not what was sealed. It says no more, so that nobody
/// learns from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tampered;

impl fmt::Display for Tampered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was tampered with or broken")
    }
}

impl Error for Tampered {}

fn copied(key: &Secret<32>) -> Secret<32> {
    Secret::fill_with(|own| own.copy_from_slice(key.expose()))
}

/// Made for each record: as a field it would be copied wherever its owner moves.
fn cipher(key: &Secret<32>) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(key.expose().into())
}

/// Four zero bytes, then the number of the record.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

/// The smallest bucket that holds `length` bytes.
fn bucket(length: usize) -> Option<usize> {
    (length <= MAX_OBJECT).then(|| length.next_power_of_two().max(SMALLEST))
}
