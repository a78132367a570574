//! Test vectors of complete protocol 2 runs from an independent implementation: every
//! intermediate value has to match byte for byte.

use crate::room_kind::RoomKind;
use std::{fs, path::Path, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    crypto::kdf::{StretchedKey, room_key},
    crypto::key_schedule::Transcript,
    crypto::srp::{ClientStart, PublicValue, Salt, ServerChallenge, Verifier},
    secret::{Password, Secret},
    server::{Credentials, VerifierTokenError},
    strict_room::envelope::Envelope,
    strict_room::hash_chain::ChainHash,
    transport::record::{RecordOpener, RecordSealer, Tampered},
};

fn vectors() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/protocol2.json");
    let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(case, field)).unwrap()
}

fn secret(case: &Value, field: &str) -> Secret<32> {
    Secret::fill_with(|own| own.copy_from_slice(&bytes(case, field)))
}

fn password(case: &Value) -> Password {
    Password::new(bytes(case, "password_utf8_hex").into())
}

fn kdf(case: &Value) -> RoomKind {
    RoomKind::from_kdf_name(text(case, "kdf")).unwrap()
}

#[test]
fn v2_session_vectors_match() {
    let (mut runs, mut records, mut events) = (0, 0, 0);
    for case in &vectors() {
        let password = password(case);
        let room_salt = bytes(case, "room_salt").try_into().unwrap();
        let salt = Salt::from_wire(&bytes(case, "srp_salt")).unwrap();
        let stretched = StretchedKey::new(&password, &room_salt);
        let (p, key) = match kdf(case) {
            RoomKind::Classic => (password, room_key(&self::password(case), &room_salt)),
            RoomKind::Strict => (stretched.srp_password(), stretched.room_key()),
        };
        assert_eq!(p.expose(), bytes(case, "srp_password"));

        // SRP, up to the session key K.
        let client = ClientStart::new(secret(case, "a"));
        let verifier = Arc::new(Verifier::new(&p, salt.clone()));
        let server = ServerChallenge::new(verifier, secret(case, "b"));
        let b = PublicValue::from_wire(server.public()).unwrap();
        let a = PublicValue::from_wire(client.public()).unwrap();
        let server_key = server.answer(&a).into_session_key();
        let client_key = client.answer(&p, &salt, &b).into_session_key();
        assert_eq!((&client_key, &server_key), (&secret(case, "K"), &secret(case, "K")));

        // The proofs and the traffic keys.
        let line = |field: &str| text(case, field).as_bytes().to_vec();
        let (line_1, line_2, line_3) = (line("line1"), line("line2"), line("line3"));
        let transcript = Transcript { line_1, line_2, line_3 };
        let proofs = transcript.proofs(&client_key);
        assert_eq!(proofs.client, secret(case, "M"));
        assert_eq!(proofs.server, secret(case, "H_AMK"));
        let keys = transcript.keys(&client_key, &line("line4"));

        // Records in both directions.
        let ((mut to_server, mut from_server), (mut to_client, mut from_client)) =
            (keys.client(), keys.server());
        for record in case["records"].as_array().unwrap() {
            let (sealer, opener): (&mut RecordSealer, &mut RecordOpener) =
                match text(record, "direction") {
                    "c2s" => (&mut to_server, &mut from_client),
                    _ => (&mut to_client, &mut from_server),
                };
            let (object, sealed) = (text(record, "line"), text(record, "sealed"));
            let mut out = Vec::new();
            sealer.seal(object.as_bytes(), &mut out).unwrap();
            assert_eq!(out, format!("{sealed}\n").into_bytes());
            assert_eq!(opener.open(sealed.as_bytes()), Ok(object.as_bytes()));
            // A replayed record fails, because the opener expects the next number.
            assert_eq!(opener.open(sealed.as_bytes()), Err(Tampered));
            records += 1;
        }

        // The token of the text.
        let token = text(case, "fernet_token");
        let opened = key.open(token).unwrap();
        assert_eq!(Some(opened.unix_seconds), case["fernet_time"].as_u64());
        if let Some(envelope) = case["envelope"].as_str() {
            assert_eq!(opened.text.as_slice(), envelope.as_bytes());
            let read = Envelope::decode(&opened.text).unwrap();
            assert_eq!(read.encode().as_slice(), envelope.as_bytes());
        }
        for event in case["view_chain"].as_array().into_iter().flatten() {
            let before = ChainHash::from_hex(text(event, "previous")).unwrap();
            let after = before.append(text(event, "token"), text(event, "username"));
            assert_eq!(after.to_string(), text(event, "view"));
            events += 1;
        }
        runs += 1;
    }
    assert_eq!((runs, records, events), (8, 64, 16));
}

#[test]
fn v2_room_key_vectors_match() {
    for case in &vectors() {
        let room_salt = bytes(case, "room_salt").try_into().unwrap();
        let key = match kdf(case) {
            RoomKind::Classic => room_key(&password(case), &room_salt),
            RoomKind::Strict => StretchedKey::new(&password(case), &room_salt).room_key(),
        };
        let expected = URL_SAFE.decode(text(case, "room_key_b64url")).unwrap();
        let expected =
            crate::crypto::fernet::RoomKey::new(&Secret::take(&mut expected.try_into().unwrap()));
        // A key cannot be read, so compare a token that it seals.
        assert_eq!(key.seal(1, [2; 16], b"x"), expected.seal(1, [2; 16], b"x"));
    }
}

#[test]
fn v2_verifier_token_vectors_match() {
    for case in &vectors() {
        let token = text(case, "token");
        let credentials = Credentials::from_token(token).unwrap();
        assert_eq!(credentials.room_kind(), kdf(case));
        assert_eq!(credentials.fingerprint().to_string(), text(case, "fingerprint"));
        assert_eq!(credentials.token().unwrap().as_str(), token);

        // Changing, removing or inserting any one character makes the token invalid.
        for at in 0..token.len() {
            let (head, tail) = token.split_at(at);
            let rest = &tail[1..];
            let other = if tail.starts_with('A') { 'B' } else { 'A' };
            for broken in
                [format!("{head}{other}{rest}"), format!("{head}{rest}"), format!("{head}A{tail}")]
            {
                let read = Credentials::from_token(&broken);
                assert_eq!(read.map(drop).err(), Some(VerifierTokenError), "{broken}");
            }
        }
    }
}

/// The rest of the token and its checksum are valid. The 16 bytes of the salt do not begin with
/// the sentinel, but they do once leading zeros are stripped.
#[test]
fn verifier_token_rejects_sentinel_behind_zeros() {
    for case in &vectors() {
        let token = text(case, "token").strip_prefix("cmdchat2.").unwrap();
        let token = URL_SAFE_NO_PAD.decode(token).unwrap();
        let with_salt = |salt: &[u8; 16]| {
            let body = [&token[..18], salt, &token[34..token.len() - 4]].concat();
            let sum = Sha256::digest(&body);
            let token = URL_SAFE_NO_PAD.encode([&body, &sum[..4]].concat());
            Credentials::from_token(&format!("cmdchat2.{token}"))
        };
        assert!(with_salt(b"cmdchat2salty\0\0\0").is_ok());
        assert_eq!(with_salt(b"\0\0\0cmdchat2salty").map(drop).err(), Some(VerifierTokenError));
    }
}
