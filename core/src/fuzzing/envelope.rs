use zeroize::Zeroizing;

use crate::{
    crypto::srp::Salt,
    fingerprint::RoomHash,
    room_kind::RoomKind,
    secret::Secret,
    strict_room::{
        envelope::{Envelope, EnvelopeKind, text_body},
        member_key::MemberKey,
    },
};

/// Checks envelopes. Any plaintext that decodes re-encodes to itself up to the signature, and
/// no key that is not known signs it. Any text round-trips.
pub fn envelope(data: &[u8]) {
    let room = RoomHash::new(RoomKind::Strict, &[0; 16], &Salt::from([1; 16]));
    let key = MemberKey::new(&Secret::take(&mut [1; 32]), &Secret::take(&mut [2; 32]));
    if let Some(read) = Envelope::decode(data) {
        assert!(
            read.envelope.kind == EnvelopeKind::Text
                || read.envelope.text().is_none()
                || read.envelope.kind == EnvelopeKind::Private
                || read.envelope.kind == EnvelopeKind::Hello,
            "only texts contain text"
        );
        let again = read.envelope.encode(&key, &room, 7);
        let signed = data.len().min(again.len()).saturating_sub(64 + 128);
        assert_eq!(again.get(..signed), data.get(..signed));
        assert!(!read.is_signed(&room, 8), "signed with a key that is not known");
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(text) = text.get(..text.len().min(4_096)) else { return };
    let sid = text.bytes().fold([0_u8; 8], |sid, byte| sid.map(|one| one.wrapping_mul(31) ^ byte));
    let written = Envelope {
        kind: EnvelopeKind::Text,
        key: key.public(),
        sid,
        seq: text.len() as u64,
        mid: sid,
        n: u64::MAX,
        view: [7; 16],
        name: text.chars().take(32).collect(),
        body: text_body(text),
    };
    let plaintext: Zeroizing<Vec<u8>> = written.encode(&key, &room, 7);
    let read = Envelope::decode(&plaintext);
    assert!(read.as_ref().is_some_and(|read| read.is_signed(&room, 7)));
    assert!(read.is_some_and(|read| read.envelope == written), "written and read");
}
