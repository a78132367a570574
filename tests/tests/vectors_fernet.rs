//! Fernet tokens and room keys against the specification's files and the behaviour of
//! Python's `cryptography`.

#![allow(clippy::unwrap_used, reason = "a test")]

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use cmdchat_core::{
    crypto::fernet::{DecryptError, RoomKey},
    crypto::kdf::room_key,
    secret::{Password, Secret},
};
use hkdf::Hkdf;
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

mod vectors;
use vectors::{bytes, file, list, text};

fn key(case: &Value, field: &str) -> RoomKey {
    let mut bytes = URL_SAFE.decode(text(case, field)).unwrap().try_into().unwrap();
    RoomKey::new(&Secret::take(&mut bytes))
}

fn unix_seconds(case: &Value) -> u64 {
    let now: jiff::Timestamp = text(case, "now").parse().unwrap();
    now.as_second().try_into().unwrap()
}

#[test]
fn fernet_spec_generate_vectors_match() {
    let file = file("fernet_spec_generate.json");
    for case in file.as_array().unwrap() {
        let iv: Vec<u8> =
            list(case, "iv").iter().map(|byte| byte.as_u64().unwrap() as u8).collect();
        let token = key(case, "secret").seal(
            unix_seconds(case),
            iv.try_into().unwrap(),
            text(case, "src").as_bytes(),
        );
        assert_eq!(token, text(case, "token"));
    }
    assert_eq!(file.as_array().unwrap().len(), 1);
}

#[test]
fn fernet_spec_verify_vectors_match() {
    let file = file("fernet_spec_verify.json");
    for case in file.as_array().unwrap() {
        let opened = key(case, "secret").open(text(case, "token")).unwrap();
        assert_eq!(opened.text.as_slice(), text(case, "src").as_bytes());
        assert!(unix_seconds(case) - opened.unix_seconds < case["ttl_sec"].as_u64().unwrap());
    }
    assert_eq!(file.as_array().unwrap().len(), 1);
}

/// Two of the eight tokens are invalid only by their date, and this implementation accepts
/// every date.
#[test]
fn fernet_spec_invalid_vectors_are_rejected() {
    let file = file("fernet_spec_invalid.json");
    let (mut refused, mut dated) = (0, 0);
    for case in file.as_array().unwrap() {
        let opened = key(case, "secret").open(text(case, "token"));
        let desc = text(case, "desc");
        if desc.starts_with("far-future TS") || desc == "expired TTL" {
            let opened = opened.unwrap();
            assert!(
                unix_seconds(case).abs_diff(opened.unix_seconds)
                    > case["ttl_sec"].as_u64().unwrap()
            );
            dated += 1;
        } else {
            assert_eq!(opened, Err(DecryptError), "{desc}");
            refused += 1;
        }
    }
    assert_eq!((refused, dated), (6, 2));
}

#[test]
fn python_fernet_vectors_match() {
    let file = file("fernet_python.json");
    let mut ran = 0;
    for case in list(&file, "vectors") {
        assert_eq!(case["valid"], true);
        let key = key(case, "key_b64url");
        let seconds: u64 = text(case, "timestamp").parse().unwrap();
        let plain = bytes(case, "plaintext_hex");
        let opened = key.open(text(case, "token")).unwrap();
        assert_eq!((opened.unix_seconds, opened.text.as_slice()), (seconds, plain.as_slice()));
        assert_eq!(
            key.seal(seconds, bytes(case, "iv").try_into().unwrap(), &plain),
            text(case, "token")
        );
        ran += 1;
    }
    assert_eq!(ran, 45);
}

/// Python accepts many spellings of one token; this implementation accepts one.
#[test]
fn only_canonical_token_encoding_is_accepted() {
    let file = file("fernet_python.json");
    let (mut canonical, mut refused) = (0, 0);
    for case in list(&file, "variants") {
        let opened = key(case, "key_b64url").open(text(case, "token"));
        if text(case, "desc") == "canonical" {
            assert_eq!(opened.unwrap().text.as_slice(), bytes(case, "plaintext_hex"));
            canonical += 1;
        } else {
            assert_eq!(opened, Err(DecryptError), "{}", text(case, "desc"));
            refused += 1;
        }
    }
    assert_eq!((canonical, refused), (1, 22));
}

/// Three cases have a room salt of an invalid length; for these, HKDF itself is compared.
#[test]
fn room_key_vectors_match() {
    let file = file("room_key.json");
    let (mut rooms, mut others) = (0, 0);
    for case in list(&file, "vectors") {
        let password = bytes(case, "password_utf8_hex");
        let salt = bytes(case, "room_salt");
        let made = if let Ok(salt) = <&[u8; 16]>::try_from(salt.as_slice()) {
            rooms += 1;
            room_key(&Password::new(Zeroizing::new(password)), salt)
        } else {
            others += 1;
            let mut made = [0; 32];
            Hkdf::<Sha256>::new(Some(&salt), &password)
                .expand(b"cmd-chat-room-key", &mut made)
                .unwrap();
            RoomKey::new(&Secret::take(&mut made))
        };
        // A token depends on both halves of a key.
        let token = key(case, "room_key_b64url").seal(1, [2; 16], b"text");
        assert_eq!(made.seal(1, [2; 16], b"text"), token);
    }
    assert_eq!((rooms, others), (27, 3));
}
