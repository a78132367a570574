//! Records: what every line of a sealed link is after its handshake
//! (PROTOCOL 2.4).
//!
//! A record is the base64 of a ChaCha20-Poly1305 box (RFC 8439) around one
//! JSON object and the spaces that fill it up to a bucket. Its nonce is its
//! number and never sent: one that was left out, repeated, swapped or altered
//! on the way cannot be opened.

#[cfg(target_arch = "x86_64")]
use std::sync::LazyLock;
use std::{error::Error, fmt};

#[cfg(not(target_arch = "x86_64"))]
use base64::engine::GeneralPurpose;
#[cfg(target_arch = "x86_64")]
use base64::engine::Simd;
use base64::{Engine as _, engine::general_purpose};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    error::Unspecified,
};
use zeroize::Zeroizing;

use crate::secret::{Secret, with_stack_zeroed};

/// The longest object in a record, in bytes.
pub const MAX_OBJECT: usize = 65_536;
/// The longest record line, in bytes before the `\n`.
pub const MAX_RECORD: usize = encoded(MAX_OBJECT + TAG);
/// The shortest record line, in bytes with the `\n`.
pub(crate) const SMALLEST_RECORD: usize = encoded(SMALLEST + TAG) + 1;
/// The smallest bucket; each of the others is twice the one before.
const SMALLEST: usize = 1_024;
const TAG: usize = 16;
/// Records of one direction. The last must be a `bye`.
const MAX_RECORDS: u64 = 1 << 32;

/// With padding; many bytes at a time where the processor can.
#[cfg(target_arch = "x86_64")]
static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::standard(general_purpose::PAD));
#[cfg(not(target_arch = "x86_64"))]
static BASE64: GeneralPurpose = general_purpose::STANDARD;

/// Seals what one side sends.
pub struct RecordSealer {
    key: Secret<32>,
    number: u64,
}

impl RecordSealer {
    /// Seals with this key, from the first record on.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self { key: copied(key), number: 0 }
    }

    /// Appends the record of `object`, with its `\n`, to `out`. The key stays
    /// somewhere on the stack: to be burnt by whoever knows which record is the
    /// last for now.
    ///
    /// An object over [`MAX_OBJECT`] bytes cannot be sent, nor can anything
    /// after 2^32 records: nothing is appended then, and the link is over,
    /// since the other side would wait for ever for that record.
    ///
    /// # Errors
    /// [`SealError`], as said.
    pub fn seal(&mut self, object: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let bucket = bucket(object.len()).ok_or(SealError)?;
        if self.number >= MAX_RECORDS {
            return Err(SealError);
        }
        let (start, boxed) = (out.len(), bucket + TAG);
        // All of it at once: growing later would leave a copy of the object behind.
        out.reserve(encoded(boxed) + 1);
        out.extend_from_slice(object);
        out.resize(start + bucket, b' ');
        let room = out.get_mut(start..).unwrap_or_default();
        let nonce = nonce(self.number);
        let tag = cipher(&self.key)
            .and_then(|cipher| cipher.seal_in_place_separate_tag(nonce, Aad::empty(), room));
        let Ok(tag) = tag else {
            out.truncate(start);
            return Err(SealError);
        };
        out.extend_from_slice(tag.as_ref());
        out.resize(start + encoded(boxed), 0);
        encode_in_place(out.get_mut(start..).unwrap_or_default(), boxed);
        out.push(b'\n');
        self.number += 1;
        Ok(())
    }

    /// One more record may be sealed, and that has to be a `bye`.
    #[must_use]
    pub const fn must_close(&self) -> bool {
        self.number + 1 >= MAX_RECORDS
    }
}

/// Opens what the other side sent.
pub struct RecordOpener {
    key: Secret<32>,
    number: u64,
    opened: Zeroizing<Vec<u8>>,
}

impl RecordOpener {
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
        if line.len() > MAX_RECORD || self.number >= MAX_RECORDS {
            return Err(Tampered);
        }
        self.opened.clear();
        BASE64.decode_vec(line, &mut self.opened).map_err(|_| Tampered)?;
        let nonce = nonce(self.number);
        let (key, bench) = (&self.key, &mut *self.opened);
        let opened = with_stack_zeroed(|| {
            let opened = cipher(key)?.open_in_place(nonce, Aad::empty(), bench)?;
            Ok::<_, Unspecified>(opened.len())
        });
        let length = opened.map_err(|_| Tampered)?;
        self.opened.truncate(length);
        self.number += 1;
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
impl fmt::Debug for RecordSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(record {})", self.number)
    }
}

/// Nothing of what passes.
impl fmt::Debug for RecordOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener(record {})", self.number)
    }
}

/// A record that cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealError;

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line does not fit a record, or the link has had all its records")
    }
}

impl Error for SealError {}

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
fn cipher(key: &Secret<32>) -> Result<LessSafeKey, Unspecified> {
    UnboundKey::new(&CHACHA20_POLY1305, key.expose()).map(LessSafeKey::new)
}

/// Four zero bytes, then the number of the record.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// Characters of base64 for so many bytes.
const fn encoded(length: usize) -> usize {
    length.div_ceil(3) * 4
}

/// Makes base64 of the first `length` bytes, which fill all of `place`. The
/// last of them first: what is written never lies before what is still to be read.
fn encode_in_place(place: &mut [u8], length: usize) {
    const STEP: usize = 768;
    let mut chunk = [0; STEP];
    for start in (0..length).step_by(STEP).rev() {
        let count = STEP.min(length - start);
        let (from, to) = (start..start + count, encoded(start)..encoded(start + count));
        let chunk = chunk.get_mut(..count).unwrap_or_default();
        chunk.copy_from_slice(place.get(from).unwrap_or_default());
        // As long as it has to be.
        let _ = BASE64.encode_slice(chunk, place.get_mut(to).unwrap_or_default());
    }
}

/// The smallest bucket that holds `length` bytes.
fn bucket(length: usize) -> Option<usize> {
    (length <= MAX_OBJECT).then(|| length.next_power_of_two().max(SMALLEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ends of one direction, before this record.
    fn ends(number: u64) -> (RecordSealer, RecordOpener) {
        let key = Secret::take(&mut [7; 32]);
        (
            RecordSealer { number, ..RecordSealer::new(&key) },
            RecordOpener { number, ..RecordOpener::new(&key) },
        )
    }

    fn object(length: usize) -> Vec<u8> {
        [b"{", &*vec![b'x'; length - 2], b"}"].concat()
    }

    #[test]
    fn records_round_trip_up_to_max_object() {
        let (mut sealer, mut opener) = ends(0);
        for length in [2, 1_023, 1_024, 1_025, 32_768, 32_769, MAX_OBJECT] {
            let mut out = b"before ".to_vec();
            assert_eq!(sealer.seal(&object(length), &mut out), Ok(()));
            let record = out.strip_prefix(b"before ").and_then(|line| line.strip_suffix(b"\n"));
            let record = record.unwrap();
            assert!(record.len() <= MAX_RECORD && record.len() + 1 >= SMALLEST_RECORD);
            assert_eq!(opener.open(record), Ok(&*object(length)), "{length} bytes");
        }
        let mut out = Vec::new();
        assert_eq!(sealer.seal(&object(MAX_OBJECT + 1), &mut out), Err(SealError));
        assert_eq!(out, b"");
    }

    #[test]
    fn direction_is_limited_to_max_records() {
        let (mut sealer, mut opener) = ends(MAX_RECORDS - 2);
        let mut out = Vec::new();
        assert!(!sealer.must_close());
        for _ in 0..2 {
            out.clear();
            assert_eq!(sealer.seal(b"{}", &mut out), Ok(()));
            assert!(sealer.must_close(), "the next has to be a bye, or would be too many");
            assert_eq!(opener.open(out.trim_ascii_end()), Ok(&b"{}"[..]));
        }
        out.clear();
        assert_eq!(sealer.seal(b"{}", &mut out), Err(SealError));
        assert_eq!(out, b"");

        // One that somebody who counts otherwise would send.
        let mut boxed = vec![b' '; SMALLEST];
        boxed[..2].copy_from_slice(b"{}");
        let cipher = cipher(&sealer.key).unwrap();
        cipher.seal_in_place_append_tag(nonce(MAX_RECORDS), Aad::empty(), &mut boxed).unwrap();
        let record = general_purpose::STANDARD.encode(&boxed);
        assert_eq!(opener.open(record.as_bytes()), Err(Tampered));
    }
}
