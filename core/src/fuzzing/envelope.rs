use zeroize::Zeroizing;

use crate::strict_room::envelope::{Envelope, EnvelopeKind};

/// Checks envelope decoding. Decoding restores an encoded envelope, and
/// everything that decodes is an envelope that a member could have encoded.
pub fn envelope(data: &[u8]) {
    for plaintext in [data, &padded(data)] {
        let Some(read) = Envelope::decode(plaintext) else { continue };
        assert!(plaintext.len().is_multiple_of(128), "the length reveals only a step");
        assert!(
            read.kind == EnvelopeKind::Text || read.text.is_empty(),
            "a wish says nothing else"
        );
        assert!(Envelope::decode(&read.encode()) == Some(read));
    }
    let text = Zeroizing::new(String::from_utf8_lossy(data).into_owned());
    let composed = Envelope {
        kind: EnvelopeKind::Text,
        from: text.chars().take(32).collect(),
        sid: [0xdc; 8],
        seq: data.len() as u64,
        n: u64::MAX,
        view: [0xab; 16],
        text,
    };
    assert!(Envelope::decode(&composed.encode()) == Some(composed));
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut padded = data.to_vec();
    padded.resize(data.len().next_multiple_of(128), b' ');
    padded
}
