use super::fixtures::seed;
use crate::{
    crypto::key_schedule::Transcript,
    transport::record::{MAX_OBJECT, RecordOpener, RecordSealer, Tampered},
};

/// Only the record that was sealed next opens, and gives the object that was
/// sealed; it does not with one character changed, nor a second time, nor does
/// anything else.
///
/// The first three bytes are a place and a character; the rest is a record,
/// and what a record is made of.
pub fn record_opener(data: &[u8]) {
    let Some(([high, low, to], rest)) = data.split_first_chunk() else { return };
    let (mut sealer, mut opener) = ends();
    assert_eq!(opener.open(rest), Err(Tampered), "nobody sealed that");

    let mut record = Vec::new();
    if sealer.seal(rest, &mut record).is_err() {
        assert!(rest.len() > MAX_OBJECT && record.is_empty());
        return;
    }
    let record = record.strip_suffix(b"\n").unwrap_or_default();
    let mut changed = record.to_vec();
    let at = usize::from(u16::from_be_bytes([*high, *low])) % changed.len();
    if let Some(byte) = changed.get_mut(at).filter(|byte| *byte != to) {
        *byte = *to;
        assert_eq!(opener.open(&changed), Err(Tampered));
    }
    let spaces = rest.iter().rev().take_while(|byte| **byte == b' ').count();
    let unpadded = rest.get(..rest.len() - spaces).unwrap_or_default();
    let is_object = matches!(unpadded, [b'{', .., b'}']);
    assert_eq!(opener.open(record), if is_object { Ok(unpadded) } else { Err(Tampered) });
    assert_eq!(opener.open(record), Err(Tampered), "each opens once");
}

fn ends() -> (RecordSealer, RecordOpener) {
    let session_key = seed(7).rng().secret();
    let keys = Transcript::default().keys(&session_key, b"");
    (keys.client().0, keys.server().1)
}
