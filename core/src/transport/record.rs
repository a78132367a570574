//! Records: the lines of a sealed link after its handshake (PROTOCOL 2.4).
//!
//! A record is the base64 of a ChaCha20-Poly1305 box (RFC 8439) around one or
//! more JSON objects, joined by line feeds and padded with spaces to a bucket.
//! The nonce is the record's number and is not sent, so a record that was
//! dropped, repeated, reordered or altered cannot be opened. Every 256 records
//! the key is replaced by one derived from it.

#[cfg(target_arch = "x86_64")]
use std::sync::LazyLock;
use std::{error::Error, fmt, ops::Range};

#[cfg(not(target_arch = "x86_64"))]
use base64::engine::GeneralPurpose;
#[cfg(target_arch = "x86_64")]
use base64::engine::Simd;
use base64::{Engine as _, engine::general_purpose};
use memchr::{memchr, memrchr};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    error::Unspecified,
};
use zeroize::Zeroizing;

use crate::{
    crypto::kdf::expand,
    secret::{Secret, with_stack_zeroed},
    wire::json::strict,
};

/// Maximum length of a record's objects and the line feeds between them, in bytes.
pub const MAX_OBJECTS: usize = 65_536;
/// Maximum length of a record line, in bytes before the `\n`.
pub const MAX_RECORD: usize = encoded(MAX_OBJECTS + TAG);
/// The smallest bucket.
const SMALLEST: usize = 1_024;
/// Buckets double up to half of this size; larger ones are multiples of it.
const BUCKET_STEP: usize = 8_192;
const TAG: usize = 16;
/// Records of one direction. The last must be a `bye`.
const MAX_RECORDS: u64 = 1 << 32;
/// Records sealed under one key.
const RECORDS_PER_KEY: u64 = 256;

/// Base64 with padding, vectorized where the processor supports it.
#[cfg(target_arch = "x86_64")]
static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::standard(general_purpose::PAD));
#[cfg(not(target_arch = "x86_64"))]
static BASE64: GeneralPurpose = general_purpose::STANDARD;

/// A record key and the number of the next record.
struct RecordKey {
    key: Secret<32>,
    number: u64,
}

impl RecordKey {
    fn new(key: &Secret<32>) -> Self {
        Self { key: Secret::fill_with(|own| own.copy_from_slice(key.expose())), number: 0 }
    }

    /// Counts one record.
    fn advance(&mut self) {
        self.number += 1;
        if self.number.is_multiple_of(RECORDS_PER_KEY) {
            self.key = Secret::fill_with(|next| expand(&self.key, b"cmdchat/2 next key", next));
        }
    }

    #[cfg(test)]
    fn skip_to(&mut self, number: u64) {
        while self.number < number {
            self.advance();
        }
    }

    /// Returns the cipher. It is not a field, because moving its owner would leave
    /// copies of the key behind.
    fn cipher(&self) -> Result<LessSafeKey, Unspecified> {
        UnboundKey::new(&CHACHA20_POLY1305, self.key.expose()).map(LessSafeKey::new)
    }

    /// Returns the nonce: four zero bytes, then the number of the record.
    fn nonce(&self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Seals the records that one side sends.
pub struct RecordSealer(RecordKey);

impl RecordSealer {
    /// Creates the sealer of a direction whose first key is `key`.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self(RecordKey::new(key))
    }

    /// Appends the record of `objects`, with its `\n`, to `out`. See
    /// [`Self::seal_in_place`].
    ///
    /// # Errors
    ///
    /// Returns [`SealError`] as [`Self::seal_in_place`] does.
    pub fn seal(&mut self, objects: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let start = out.len();
        out.reserve(bucket(objects.len()).map_or(0, |bucket| encoded(bucket + TAG) + 1));
        out.extend_from_slice(objects);
        self.seal_in_place(out, start)
    }

    /// Replaces the objects at `start` in `out`, which are joined by line feeds,
    /// with their record and its `\n`. Traces of the key remain on the stack; the
    /// caller zeroizes it after the last of several calls.
    ///
    /// # Errors
    ///
    /// Returns [`SealError`] for objects over [`MAX_OBJECTS`] bytes, and after 2^32
    /// records. The objects are removed from `out`. The link is then unusable,
    /// because the peer would wait for that record forever.
    pub fn seal_in_place(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        let sealed = self.try_seal(out, start);
        if sealed.is_err() {
            out.truncate(start);
        }
        sealed
    }

    fn try_seal(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), SealError> {
        let bucket = bucket(out.len().saturating_sub(start)).ok_or(SealError)?;
        if self.0.number >= MAX_RECORDS {
            return Err(SealError);
        }
        let boxed = bucket + TAG;
        out.reserve((start + encoded(boxed) + 1).saturating_sub(out.len()));
        out.resize(start + bucket, b' ');
        let plaintext = out.get_mut(start..).unwrap_or_default();
        let tag = self
            .0
            .cipher()
            .and_then(|cipher| {
                cipher.seal_in_place_separate_tag(self.0.nonce(), Aad::empty(), plaintext)
            })
            .map_err(|_| SealError)?;
        out.extend_from_slice(tag.as_ref());
        out.resize(start + encoded(boxed), 0);
        encode_in_place(out.get_mut(start..).unwrap_or_default(), boxed);
        out.push(b'\n');
        self.0.advance();
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, number: u64) {
        self.0.skip_to(number);
    }

    /// Returns true if the next record must be a `bye`, because it is the last one.
    #[must_use]
    pub const fn must_close(&self) -> bool {
        self.0.number + 1 >= MAX_RECORDS
    }
}

/// Opens the records that the other side sends.
pub struct RecordOpener {
    key: RecordKey,
    opened: Zeroizing<Vec<u8>>,
    /// The objects in `opened` that have not been returned yet.
    rest: Range<usize>,
}

impl RecordOpener {
    pub(crate) fn new(key: &Secret<32>) -> Self {
        Self { key: RecordKey::new(key), opened: Zeroizing::default(), rest: 0..0 }
    }

    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, number: u64) {
        self.key.skip_to(number);
    }

    /// Opens the next record, given without its `\n`. [`Self::next_object`] then
    /// returns its objects.
    ///
    /// # Errors
    ///
    /// Returns [`Tampered`] if it is not exactly the record that the other side
    /// sealed next. The caller must close the connection at once.
    pub fn open(&mut self, line: &[u8]) -> Result<(), Tampered> {
        self.rest = 0..0;
        if line.len() > MAX_RECORD || self.key.number >= MAX_RECORDS {
            return Err(Tampered);
        }
        self.opened.clear();
        BASE64.decode_vec(line, &mut self.opened).map_err(|_| Tampered)?;
        let (key, buffer) = (&self.key, &mut *self.opened);
        let opened = with_stack_zeroed(|| {
            let opened = key.cipher()?.open_in_place(key.nonce(), Aad::empty(), buffer)?;
            Ok::<_, Unspecified>(opened.len())
        });
        let length = opened.map_err(|_| Tampered)?;
        self.opened.truncate(length);
        self.key.advance();
        let spaces = self.opened.iter().rev().take_while(|byte| **byte == b' ').count();
        let end = length - spaces;
        let objects = self.opened.get(..end).unwrap_or_default();
        if bucket(end) != Some(length) || !objects.split(|byte| *byte == b'\n').all(is_object) {
            return Err(Tampered);
        }
        self.rest = 0..end;
        Ok(())
    }

    /// Returns true if the record opened last has another object.
    pub(crate) fn has_object(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Returns the next object of the record opened last.
    pub fn next_object(&mut self) -> Option<&[u8]> {
        let start = self.rest.start;
        let rest = self.opened.get(self.rest.clone()).filter(|rest| !rest.is_empty())?;
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        self.rest.start = self.rest.end.min(start + length + 1);
        self.opened.get(start..start + length)
    }
}

/// Returns the length of the longest prefix of `lines` that fits into `limit` bytes
/// and ends with a line. The line feed of its last line does not count.
pub(crate) fn whole_lines(lines: &[u8], limit: usize) -> usize {
    let reachable = lines.get(..=limit).unwrap_or(lines);
    memrchr(b'\n', reachable).map_or(0, |at| at + 1)
}

/// Returns true for one JSON object without white space around it.
fn is_object(bytes: &[u8]) -> bool {
    matches!(bytes, [b'{', .., b'}']) && strict::object(bytes).is_some()
}

impl fmt::Debug for RecordSealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordSealer(record {})", self.0.number)
    }
}

impl fmt::Debug for RecordOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordOpener(record {})", self.key.number)
    }
}

/// The error for objects that cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealError;

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the objects do not fit into a record, or all 2^32 records have been sent")
    }
}

impl Error for SealError {}

/// The error for a record that is not the one that was sealed. It carries no
/// details, so that an attacker learns nothing from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tampered;

impl fmt::Display for Tampered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was tampered with or broken")
    }
}

impl Error for Tampered {}

/// Returns the length of the base64 of `length` bytes.
const fn encoded(length: usize) -> usize {
    length.div_ceil(3) * 4
}

/// Replaces the first `length` bytes of `place` with their base64, which fills all
/// of it. Works backwards, so that no byte is overwritten before it is read.
fn encode_in_place(place: &mut [u8], length: usize) {
    const STEP: usize = 768;
    let mut chunk = [0; STEP];
    for start in (0..length).step_by(STEP).rev() {
        let count = STEP.min(length - start);
        let (from, to) = (start..start + count, encoded(start)..encoded(start + count));
        let chunk = chunk.get_mut(..count).unwrap_or_default();
        chunk.copy_from_slice(place.get(from).unwrap_or_default());
        // Cannot fail: the place has the length of the base64.
        let _ = BASE64.encode_slice(chunk, place.get_mut(to).unwrap_or_default());
    }
}

/// Returns the smallest bucket that holds `length` bytes.
pub(crate) fn bucket(length: usize) -> Option<usize> {
    let bucket = if length <= BUCKET_STEP {
        length.next_power_of_two().max(SMALLEST)
    } else {
        length.next_multiple_of(BUCKET_STEP)
    };
    (length <= MAX_OBJECTS).then_some(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns both ends of one direction, before this record.
    fn ends(number: u64) -> (RecordSealer, RecordOpener) {
        let key = || RecordKey { number, ..RecordKey::new(&Secret::take(&mut [7; 32])) };
        let opener = RecordOpener { key: key(), opened: Zeroizing::default(), rest: 0..0 };
        (RecordSealer(key()), opener)
    }

    fn object(length: usize) -> Vec<u8> {
        format!("{{\"x\":\"{}\"}}", "x".repeat(length - 8)).into_bytes()
    }

    /// Opens a record, given with its `\n`, and returns its objects.
    fn opened(opener: &mut RecordOpener, record: &[u8]) -> Result<Vec<Vec<u8>>, Tampered> {
        opener.open(record.strip_suffix(b"\n").unwrap())?;
        Ok(std::iter::from_fn(|| opener.next_object().map(<[u8]>::to_vec)).collect())
    }

    #[test]
    fn records_round_trip_up_to_max_objects() {
        let (mut sealer, mut opener) = ends(0);
        for length in [8, 1_023, 1_024, 1_025, 8_193, 32_769, MAX_OBJECTS] {
            let mut out = b"before ".to_vec();
            assert_eq!(sealer.seal(&object(length), &mut out), Ok(()));
            let record = out.strip_prefix(b"before ").unwrap();
            assert!(record.len() <= MAX_RECORD + 1);
            assert_eq!(opened(&mut opener, record), Ok(vec![object(length)]), "{length} bytes");
        }
        let mut out = Vec::new();
        assert_eq!(sealer.seal(&object(MAX_OBJECTS + 1), &mut out), Err(SealError));
        assert_eq!(out, b"");
    }

    #[test]
    fn several_objects_share_a_record() {
        let (mut sealer, mut opener) = ends(0);
        let mut out = Vec::new();
        sealer.seal(b"{}\n{\"a\":1}\n{}", &mut out).unwrap();
        let objects = opened(&mut opener, &out);
        assert_eq!(objects, Ok(vec![b"{}".to_vec(), b"{\"a\":1}".to_vec(), b"{}".to_vec()]));
        assert_eq!(opener.next_object(), None);
    }

    #[test]
    fn every_record_has_another_key_or_nonce() {
        let (mut sealer, mut opener) = ends(0);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            let mut out = Vec::new();
            sealer.seal(b"{}", &mut out).unwrap();
            assert_eq!(opened(&mut opener, &out), Ok(vec![b"{}".to_vec()]));
            assert!(seen.insert(out), "a repeated record");
        }
    }

    #[test]
    fn direction_is_limited_to_max_records() {
        let (mut sealer, mut opener) = ends(MAX_RECORDS - 2);
        let mut out = Vec::new();
        assert!(!sealer.must_close());
        for _ in 0..2 {
            out.clear();
            assert_eq!(sealer.seal(b"{}", &mut out), Ok(()));
            assert!(sealer.must_close(), "the next record must be a bye, or is too many");
            assert_eq!(opened(&mut opener, &out), Ok(vec![b"{}".to_vec()]));
        }
        out.clear();
        assert_eq!(sealer.seal(b"{}", &mut out), Err(SealError));
        assert_eq!(out, b"");

        // A record that a peer which counts differently would send.
        let mut boxed = vec![b' '; SMALLEST];
        boxed[..2].copy_from_slice(b"{}");
        let key = RecordKey { number: MAX_RECORDS, ..RecordKey::new(&sealer.0.key) };
        key.cipher()
            .and_then(|cipher| {
                cipher.seal_in_place_append_tag(key.nonce(), Aad::empty(), &mut boxed)
            })
            .unwrap();
        let record = general_purpose::STANDARD.encode(&boxed);
        assert_eq!(opener.open(record.as_bytes()), Err(Tampered));
    }
}
