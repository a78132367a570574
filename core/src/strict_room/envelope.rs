//! The plaintext of the tokens of a strict room (PROTOCOL 2.6): a text with its author's
//! key and signature, its position in the author's stream, and the events its author had
//! received. A relay cannot change any of these, and no member can write as another.

use zeroize::Zeroizing;

use crate::{
    fingerprint::RoomHash,
    strict_room::{
        hash_chain::ChainHash,
        member_key::{MemberKey, PublicMemberKey},
    },
    wire::MAX_TEXT,
};

const VERSION: u8 = 2;
/// Envelopes, and the texts in them, are padded to a multiple of this many bytes.
const PADDING: usize = 128;
/// Length by which a private text is longer than its padded plaintext: the encapsulated
/// key and the tag of HPKE. A text for all ends with as many zeros.
const PRIVATE_OVERHEAD: usize = 32 + 16;
const SIGNATURE: usize = 64;

/// Eight random bytes that identify the envelopes of one connection.
pub(crate) type StreamId = [u8; 8];
/// Eight random bytes that identify a text, also when it is sent again.
pub(crate) type MessageId = [u8; 8];

/// Purpose of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnvelopeKind {
    /// Introduces a member with its keys.
    Hello = 0,
    /// A text to display.
    Text = 1,
    /// A request to clear the history.
    Clear = 2,
    /// A text for one member.
    Private = 3,
}

/// A message with its author and its position in the author's stream.
#[derive(PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) kind: EnvelopeKind,
    pub(crate) key: PublicMemberKey,
    pub(crate) sid: StreamId,
    /// Position in the stream: 0 for the hello, then 1, 2… with all kinds counted.
    pub(crate) seq: u64,
    pub(crate) mid: MessageId,
    /// Number of the last event its author had received; 0 in a hello.
    pub(crate) n: u64,
    /// First half of the chain hash after that event; zeros in a hello.
    pub(crate) view: [u8; 16],
    /// The author's name, as in line 1.
    pub(crate) name: String,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// A decoded envelope whose signature has not been verified.
pub(crate) struct SignedEnvelope<'a> {
    pub(crate) envelope: Envelope,
    signed: &'a [u8],
    signature: &'a [u8; SIGNATURE],
}

impl Envelope {
    /// Returns the plaintext of a token that is dated `unix_seconds`, signed with the
    /// author's key. The name has at most 255 bytes.
    pub(crate) fn encode(
        &self,
        key: &MemberKey,
        room: &RoomHash,
        unix_seconds: u64,
    ) -> Zeroizing<Vec<u8>> {
        let length = 256 + self.name.len() + self.body.len() + SIGNATURE + PADDING;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bytes.extend([VERSION, self.kind as u8]);
        bytes.extend(self.key.0);
        bytes.extend(self.sid);
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.mid);
        bytes.extend(self.n.to_be_bytes());
        bytes.extend(self.view);
        // The casts are lossless: names have at most 128 bytes, texts at most 16,384.
        bytes.push(self.name.len() as u8);
        bytes.extend(self.name.as_bytes());
        bytes.extend((self.body.len() as u32).to_be_bytes());
        bytes.extend(self.body.iter());
        let signature = key.sign(&signature_input(room, unix_seconds, &bytes));
        bytes.extend(signature);
        let padded = bytes.len().next_multiple_of(PADDING);
        bytes.resize(padded, 0);
        bytes
    }

    /// Decodes a plaintext. Returns `None` if it is malformed.
    pub(crate) fn decode(plaintext: &[u8]) -> Option<SignedEnvelope<'_>> {
        let mut rest = Reader(plaintext);
        let [VERSION, kind] = rest.array::<2>()? else { return None };
        let kind = match kind {
            0 => EnvelopeKind::Hello,
            1 => EnvelopeKind::Text,
            2 => EnvelopeKind::Clear,
            3 => EnvelopeKind::Private,
            _ => return None,
        };
        let key = PublicMemberKey(rest.array()?);
        let (sid, seq, mid) = (rest.array()?, u64::from_be_bytes(rest.array()?), rest.array()?);
        let (n, view) = (u64::from_be_bytes(rest.array()?), rest.array()?);
        let [length] = rest.array()?;
        let name = str::from_utf8(rest.take(length.into())?).ok()?.to_owned();
        let length = usize::try_from(u32::from_be_bytes(rest.array()?)).ok()?;
        let body = Zeroizing::new(rest.take(length)?.to_vec());
        let signed = plaintext.get(..plaintext.len() - rest.0.len())?;
        let (signature, padding) = rest.0.split_first_chunk()?;
        let is_padded = plaintext.len().is_multiple_of(PADDING)
            && padding.len() < PADDING
            && padding.iter().all(|byte| *byte == 0);
        let envelope = Self { kind, key, sid, seq, mid, n, view, name, body };
        (is_padded && envelope.has_proper_body()).then_some(SignedEnvelope {
            envelope,
            signed,
            signature,
        })
    }

    fn has_proper_body(&self) -> bool {
        match self.kind {
            EnvelopeKind::Hello => {
                self.body.len() == 32 && self.seq == 0 && self.n == 0 && self.view == [0; 16]
            }
            EnvelopeKind::Text => self.text().is_some(),
            EnvelopeKind::Clear => self.body.is_empty(),
            EnvelopeKind::Private => {
                let padded = self.body.len().saturating_sub(PRIVATE_OVERHEAD);
                padded > 0
                    && padded.is_multiple_of(PADDING)
                    && padded <= (2 + MAX_TEXT).next_multiple_of(PADDING)
            }
        }
    }

    /// Returns the text of an envelope of kind [`EnvelopeKind::Text`].
    pub(crate) fn text(&self) -> Option<&str> {
        let padded = self.body.len().checked_sub(PRIVATE_OVERHEAD)?;
        let mut rest = Reader(&self.body);
        let length = usize::from(u16::from_be_bytes(rest.array()?));
        let text = rest.take(length)?;
        let is_padded = padded == (2 + length).next_multiple_of(PADDING)
            && length <= MAX_TEXT
            && rest.0.iter().all(|byte| *byte == 0);
        is_padded.then(|| str::from_utf8(text).ok()).flatten()
    }

    /// Returns whether its author had received the same events as a member at `view`.
    pub(crate) fn matches_chain(&self, view: &ChainHash) -> bool {
        self.view == view.truncated()
    }
}

impl SignedEnvelope<'_> {
    /// Returns whether the author signed the envelope for this room and this time.
    pub(crate) fn is_signed(&self, room: &RoomHash, unix_seconds: u64) -> bool {
        let input = signature_input(room, unix_seconds, self.signed);
        self.envelope.key.verifies(&input, self.signature)
    }
}

/// Returns the body that contains `text`, as long as that of a private message with the
/// same text. The text has at most [`MAX_TEXT`] bytes.
pub(crate) fn text_body(text: &str) -> Zeroizing<Vec<u8>> {
    let length = (2 + text.len()).next_multiple_of(PADDING) + PRIVATE_OVERHEAD;
    let mut body = Zeroizing::new(Vec::with_capacity(length));
    body.extend((text.len() as u16).to_be_bytes());
    body.extend(text.as_bytes());
    body.resize(length, 0);
    body
}

fn signature_input(room: &RoomHash, unix_seconds: u64, signed: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut input = Zeroizing::new(Vec::with_capacity(64 + signed.len()));
    input.extend(b"cmdchat/2 envelope\0");
    input.extend(room.as_bytes());
    input.extend(unix_seconds.to_be_bytes());
    input.extend(signed);
    input
}

/// The bytes that have not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn key() -> MemberKey {
        MemberKey::new(&Secret::take(&mut [1; 32]), &Secret::take(&mut [2; 32]))
    }

    fn envelope(text: &str) -> Envelope {
        Envelope {
            kind: EnvelopeKind::Text,
            key: key().public(),
            sid: [0xdc; 8],
            seq: 3,
            mid: [0x11; 8],
            n: 17,
            view: [0xab; 16],
            name: "alice".to_owned(),
            body: text_body(text),
        }
    }

    fn room(number: u8) -> RoomHash {
        let salt = crate::crypto::srp::Salt::from([number; 16]);
        RoomHash::new(crate::room_kind::RoomKind::Strict, &[0; 16], &salt)
    }

    #[test]
    fn envelope_round_trips_with_padded_length() {
        for text in ["", "hello", "\u{0}\u{1f}\"\\ 漢 😀", &"x".repeat(MAX_TEXT)] {
            let plaintext = envelope(text).encode(&key(), &room(1), 5);
            assert!(plaintext.len().is_multiple_of(PADDING));
            let decoded = Envelope::decode(&plaintext).unwrap();
            assert!(decoded.envelope == envelope(text), "{text}");
            assert_eq!(decoded.envelope.text(), Some(text));
            assert!(decoded.is_signed(&room(1), 5));
            assert!(!decoded.is_signed(&room(2), 5), "the signature is bound to the room");
            assert!(!decoded.is_signed(&room(1), 6), "and to the time");
        }
        let length = |text| envelope(text).encode(&key(), &room(1), 5).len();
        assert_eq!(length("hello"), length("hello there"));
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let plaintext = envelope("hello").encode(&key(), &room(1), 5);
        for at in 0..plaintext.len() {
            let mut changed = plaintext.clone();
            changed[at] ^= 1;
            let decoded = Envelope::decode(&changed);
            assert!(decoded.is_none_or(|envelope| !envelope.is_signed(&room(1), 5)), "byte {at}");
        }
    }
}
