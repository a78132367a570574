use super::fixtures::seed;
use crate::{
    crypto::key_schedule::Transcript,
    transport::record::{MAX_OBJECT, RecordOpener, RecordSealer, Tampered},
};

/// Checks record opening. Only the next sealed record opens, and returns the
/// sealed object. It does not open with one character changed, and not a second
/// time. No other input opens.
///
/// The first three bytes select a position and a character. The rest is used as a
/// record, and as the content of a record.
pub fn record_opener(data: &[u8]) {
    let Some(([high, low, to], rest)) = data.split_first_chunk() else { return };
    let (mut sealer, mut opener) = ends();
    assert_eq!(opener.open(rest), Err(Tampered), "the record was never sealed");

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
    assert_eq!(opener.open(record), Err(Tampered), "a record opens only once");
}

fn ends() -> (RecordSealer, RecordOpener) {
    let session_key = seed(7).rng().secret();
    let keys = Transcript::default().keys(&session_key, b"");
    (keys.client().0, keys.server().1)
}
