//! The plaintext of the tokens of a strict room (PROTOCOL 2.6): a text with its author, its
//! position in the author's stream, and the events its author had received. A relay cannot
//! change any of these.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    strict_room::hash_chain::{ChainHash, from_hex},
    wire::json::lenient::Value,
    wire::json::strict,
};

/// Envelopes are padded with spaces to a multiple of this many bytes.
const PADDING: usize = 128;

/// Eight random bytes that identify the envelopes of one connection.
pub(crate) type StreamId = [u8; 8];

/// Purpose of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EnvelopeKind {
    /// A text to display.
    Text,
    /// A request to clear the history.
    Clear,
}

/// An authenticated message with its position in the author's stream.
#[derive(PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) kind: EnvelopeKind,
    /// The author's name, as in line 1.
    pub(crate) from: String,
    pub(crate) sid: StreamId,
    /// Position in the stream: 0, 1, 2… for each `sid`, both kinds counted.
    pub(crate) seq: u64,
    /// Number of the last event its author had received.
    pub(crate) n: u64,
    /// First half of the chain hash after that event.
    pub(crate) view: [u8; 16],
    /// Empty for [`EnvelopeKind::Clear`].
    pub(crate) text: Zeroizing<String>,
}

impl Envelope {
    /// Returns the plaintext of a token.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        #[derive(Serialize)]
        struct Object<'a> {
            v: u8,
            kind: EnvelopeKind,
            from: &'a str,
            sid: String,
            seq: u64,
            n: u64,
            view: String,
            text: &'a str,
        }
        let object = Object {
            v: 1,
            kind: self.kind,
            from: &self.from,
            sid: hex::encode(self.sid),
            seq: self.seq,
            n: self.n,
            view: hex::encode(self.view),
            text: &self.text,
        };
        // Capacity for the worst case, where every byte is escaped: reallocation would leave a
        // copy behind that is not zeroized.
        let mut bytes = Zeroizing::new(Vec::with_capacity(6 * (self.text.len() + 128) + 512));
        // Writing strings and numbers to memory cannot fail.
        let _ = serde_json::to_writer(&mut *bytes, &object);
        let padded = bytes.len().next_multiple_of(PADDING);
        bytes.resize(padded, b' ');
        bytes
    }

    /// Decodes a plaintext. Returns `None` if it is malformed or has another version.
    pub(crate) fn decode(plaintext: &[u8]) -> Option<Self> {
        if !plaintext.len().is_multiple_of(PADDING) {
            return None;
        }
        let spaces = plaintext.iter().rev().take_while(|byte| **byte == b' ').count();
        let object = strict::object(plaintext.get(..plaintext.len() - spaces)?)?;
        let text = |name: &str| object.get(name).and_then(Value::as_text);
        let number = |name: &str| object.get(name).and_then(Value::as_u64);
        let kind = match text("kind")? {
            "text" => EnvelopeKind::Text,
            "clear" if text("text") == Some("") => EnvelopeKind::Clear,
            _ => return None,
        };
        (number("v")? == 1).then_some(())?;
        Some(Self {
            kind,
            from: text("from")?.to_owned(),
            sid: from_hex(text("sid")?)?,
            seq: number("seq")?,
            n: number("n")?,
            view: from_hex(text("view")?)?,
            text: Zeroizing::new(text("text")?.to_owned()),
        })
    }

    /// Returns whether its author had received the same events as a member at `view`.
    pub(crate) fn matches_chain(&self, view: &ChainHash) -> bool {
        self.view == view.truncated()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(text: &str) -> Envelope {
        Envelope {
            kind: EnvelopeKind::Text,
            from: "alice".to_owned(),
            sid: [0xdc; 8],
            seq: 3,
            n: 17,
            view: [0xab; 16],
            text: Zeroizing::new(text.to_owned()),
        }
    }

    #[test]
    fn envelope_round_trips_with_padded_length() {
        for text in ["", "hello", "\u{0}\u{1f}\"\\ 漢 😀", &"x".repeat(16_384)] {
            let plaintext = envelope(text).encode();
            assert!(plaintext.len().is_multiple_of(128));
            assert!(Envelope::decode(&plaintext) == Some(envelope(text)), "{text}");
        }
        assert_eq!(envelope("hello").encode().len(), envelope("hello there").encode().len());
    }

    #[test]
    fn malformed_envelopes_are_rejected() {
        let whole = String::from_utf8(envelope("hello").encode().to_vec()).unwrap();
        let changed = |from: &str, to: &str| {
            assert!(whole.contains(from), "{from}");
            let object = whole.trim_end().replace(from, to);
            format!("{object:width$}", width = object.len().next_multiple_of(128))
        };
        for (what, plaintext) in [
            ("no padding", whole.trim_end().to_owned()),
            ("a line feed in the padding", format!("{}\n", &whole[..whole.len() - 1])),
            ("another version", changed("\"v\":1", "\"v\":2")),
            ("a version in words", changed("\"v\":1", "\"v\":\"1\"")),
            ("another kind", changed("\"kind\":\"text\"", "\"kind\":\"shout\"")),
            ("a clear that says something", changed("\"kind\":\"text\"", "\"kind\":\"clear\"")),
            ("upper case hex", changed("dcdc", "DCDC")),
            ("a short sid", changed("dcdc", "dc")),
            ("a negative number", changed("\"seq\":3", "\"seq\":-3")),
            ("half a number", changed("\"seq\":3", "\"seq\":3.5")),
            ("a key twice", changed("\"seq\":3", "\"seq\":3,\"seq\":3")),
            ("an unknown key twice", changed("\"seq\":3", "\"seq\":3,\"x\":0,\"x\":0")),
            ("no text", changed(",\"text\":\"hello\"", "")),
        ] {
            assert!(Envelope::decode(plaintext.as_bytes()).is_none(), "{what}: {plaintext}");
        }
    }
}
