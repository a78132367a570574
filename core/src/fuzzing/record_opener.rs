use super::{established::traffic_keys, fixtures::seed};
use crate::{
    transport::record::{MAX_OBJECTS, RecordOpener, RecordSealer, Tampered, bucket},
    wire::json::strict,
};

/// Checks record opening. Only the next sealed record opens, and returns the
/// sealed objects. It does not open with one character changed, and not a second
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
        assert!(rest.len() > MAX_OBJECTS && record.is_empty());
        return;
    }
    let record = record.strip_suffix(b"\n").unwrap_or_default();
    let mut changed = record.to_vec();
    let at = usize::from(u16::from_be_bytes([*high, *low])) % changed.len();
    if let Some(byte) = changed.get_mut(at).filter(|byte| *byte != to) {
        *byte = *to;
        assert_eq!(opener.open(&changed), Err(Tampered));
    }
    let body = rest.trim_ascii_end();
    let is_objects = body.len() + rest.iter().rev().take_while(|byte| **byte == b' ').count()
        == rest.len()
        && body
            .split(|byte| *byte == b'\n')
            .all(|object| matches!(object, [b'{', .., b'}']) && strict::object(object).is_some());
    let smallest = bucket(body.len());
    let is_smallest = smallest == bucket(rest.len());
    if is_objects && is_smallest {
        assert_eq!(opener.open(record), Ok(()));
        let mut objects = Vec::new();
        while let Some(object) = opener.next_object() {
            objects.push(object.to_vec());
        }
        assert_eq!(objects.join(&b'\n'), body);
    } else {
        assert_eq!(opener.open(record), Err(Tampered));
    }
    assert_eq!(opener.open(record), Err(Tampered), "a record opens only once");
}

fn ends() -> (RecordSealer, RecordOpener) {
    let keys = traffic_keys(&seed(7));
    (keys.client().0, keys.server().1)
}
