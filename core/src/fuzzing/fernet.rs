use base64::{Engine, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    crypto::fernet::{DecryptError, RoomKey},
    secret::Secret,
};

/// Checks Fernet tokens. A token opens only if it is exactly the token that
/// `seal` produces for its content. Every sealed token opens, and no longer after
/// one character has changed.
pub fn fernet(data: &[u8]) {
    let key = RoomKey::new(&Secret::take(&mut { KEY }));
    opens_canonically(&key, &String::from_utf8_lossy(data));
    opens_canonically(&key, &signed(data));

    let (time, rest) = head::<8>(data);
    let (iv, rest) = head::<16>(rest);
    let ([at_high, at_low, to], text) = head::<3>(rest);
    let token = key.seal(u64::from_be_bytes(time), iv, text);
    let opened = key.open(&token);
    assert!(opened.is_ok_and(|opened| {
        opened.unix_seconds == u64::from_be_bytes(time) && opened.text.as_slice() == text
    }));

    let at = usize::from(u16::from_be_bytes([at_high, at_low])) % token.len();
    let mut changed: Vec<char> = token.chars().collect();
    if let Some(place) = changed.get_mut(at).filter(|place| **place != char::from(to)) {
        *place = char::from(to);
        assert_eq!(key.open(&changed.into_iter().collect::<String>()), Err(DecryptError));
    }
}

const KEY: [u8; 32] = [7; 32];

fn opens_canonically(key: &RoomKey, token: &str) {
    let Ok(opened) = key.open(token) else { return };
    let raw = URL_SAFE.decode(token).unwrap_or_default();
    let (iv, _) = head::<16>(raw.get(9..).unwrap_or_default());
    assert_eq!(key.seal(opened.unix_seconds, iv, &opened.text), token);
}

/// Returns a token with arbitrary content and a valid authenticator, which only a
/// member can compute.
fn signed(content: &[u8]) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(&KEY[..16]) else { return String::new() };
    let mac = mac.chain_update(content).finalize().into_bytes();
    URL_SAFE.encode([content, mac.as_slice()].concat())
}

/// Splits off the first `N` bytes, padded with zeros if `data` is shorter.
fn head<const N: usize>(data: &[u8]) -> ([u8; N], &[u8]) {
    let mut head = [0; N];
    let (taken, rest) = data.split_at(N.min(data.len()));
    for (to, from) in head.iter_mut().zip(taken) {
        *to = *from;
    }
    (head, rest)
}
