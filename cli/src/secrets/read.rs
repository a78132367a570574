//! Reading a password, no longer than it may be.

use std::io::{ErrorKind, Read, Result};

use zeroize::Zeroizing;

use crate::secrets::{Bytes, MAX_LEN};

/// Room for a password that is too long, and a line end: the buffer never
/// grows, since that would leave a copy behind.
const ROOM: usize = MAX_LEN + 3;

/// All of it, but for one line end behind it. Nothing if there is nothing.
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

/// The first line without its end, and not a byte more: what follows belongs
/// to somebody else. Nothing if there is nothing.
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
