//! Bounded reading of passphrases.

use std::io::{ErrorKind, Read, Result};

use zeroize::Zeroizing;

use crate::secrets::{Bytes, MAX_LEN};

/// Capacity for an overlong passphrase with a line end. The buffer never grows,
/// because reallocation would leave a copy behind.
const ROOM: usize = MAX_LEN + 3;

/// Reads all input without one trailing line end. Returns `None` if it is empty.
pub(super) fn whole(mut from: impl Read) -> Result<Option<Bytes>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    while bytes.len() < ROOM {
        match next(&mut from)? {
            Some(byte) => bytes.push(byte),
            None => break,
        }
    }
    let something = !bytes.is_empty();
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        cut_return(&mut bytes);
    }
    Ok(something.then_some(bytes))
}

/// Reads the first line without its end, and no byte after it, because later input
/// belongs to another reader. Returns `None` if the input is empty.
pub(super) fn first_line(mut from: impl Read) -> Result<Option<Bytes>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    while bytes.len() < ROOM {
        match next(&mut from)? {
            Some(b'\n') => {
                cut_return(&mut bytes);
                return Ok(Some(bytes));
            }
            Some(byte) => bytes.push(byte),
            None => return Ok((!bytes.is_empty()).then_some(bytes)),
        }
    }
    Ok(Some(bytes))
}

fn cut_return(bytes: &mut Bytes) {
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
}

fn next(from: &mut impl Read) -> Result<Option<u8>> {
    let mut byte = Zeroizing::new([0]);
    loop {
        match from.read(&mut *byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
