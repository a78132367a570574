//! Test vectors of protocol 2 from an independent implementation: every intermediate
//! value has to match byte for byte.

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    client::LoginFailure,
    crypto::fernet::RoomKey,
    crypto::kdf::{StretchedKey, room_key},
    crypto::kem::{EncapsulationKey, KemKeyPair},
    crypto::key_schedule::{HybridSecret, Transcript},
    crypto::srp::{ClientStart, PublicValue, Salt, ServerChallenge, Verifier},
    room_kind::RoomKind,
    secret::{Password, Secret},
    server::{Credentials, VerifierTokenError},
    transport::record::{RecordOpener, RecordSealer},
    wire::handshake::{Line4Error, PendingProof},
};

pub(super) fn file() -> &'static Value {
    static FILE: OnceLock<Value> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/protocol2.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    })
}

/// Returns one part of the vectors.
pub(super) fn part(name: &str) -> &'static [Value] {
    list(file(), name)
}

pub(super) fn list<'a>(case: &'a Value, field: &str) -> &'a [Value] {
    case[field].as_array().unwrap()
}

pub(super) fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

pub(super) fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(case, field)).unwrap()
}

pub(super) fn secret<const N: usize>(case: &Value, field: &str) -> Secret<N> {
    Secret::take(&mut bytes(case, field).try_into().unwrap())
}

fn password(case: &Value) -> Password {
    Password::new(bytes(case, "password_utf8").into())
}

fn kind(case: &Value) -> RoomKind {
    RoomKind::from_kdf_name(text(case, "kdf")).unwrap()
}

/// Returns the transcript of a login up to line 3.
fn transcript(case: &Value) -> Transcript {
    let [line_1, line_2, line_3] =
        ["L1", "L2", "L3"].map(|line| text(case, line).as_bytes().to_vec());
    Transcript { line_1, line_2, line_3 }
}

fn hybrid_secret(case: &Value) -> HybridSecret {
    HybridSecret::new(&secret(case, "K"), &secret(&case["kem"], "Z"))
}

/// Opens a record and returns its objects.
fn objects(opener: &mut RecordOpener, record: &str) -> Option<Vec<String>> {
    opener.open(record.as_bytes()).ok()?;
    let next = || opener.next_object().map(|object| String::from_utf8(object.to_vec()).unwrap());
    Some(std::iter::from_fn(next).collect())
}

#[test]
fn v2_srp_and_kem_vectors_match() {
    for case in part("handshakes") {
        let room_salt = bytes(case, "room_salt").try_into().unwrap();
        let salt = Salt::from_wire(&bytes(case, "srp_salt")).unwrap();
        let p = match kind(case) {
            RoomKind::Classic => password(case),
            RoomKind::Strict => StretchedKey::new(&password(case), &room_salt).srp_password(),
        };
        assert_eq!(p.expose(), bytes(case, "srp_password"));
        let client = ClientStart::new(secret(case, "a"));
        let verifier = Arc::new(Verifier::new(&p, salt.clone()));
        let server = ServerChallenge::new(verifier, secret(case, "b"));
        let b = PublicValue::from_wire(server.public()).unwrap();
        let a = PublicValue::from_wire(client.public()).unwrap();
        assert_eq!((a.as_bytes(), b.as_bytes()), (&*bytes(case, "A"), &*bytes(case, "B")));
        let server_key = server.answer(&a).into_session_key();
        let client_key = client.answer(&p, &salt, &b).into_session_key();
        assert_eq!((&client_key, &server_key), (&secret(case, "K"), &secret(case, "K")));

        let kem = &case["kem"];
        let seed = [bytes(kem, "d"), bytes(kem, "z")].concat().try_into();
        let pair = KemKeyPair::new(&Secret::take(&mut seed.unwrap()));
        assert_eq!(pair.public(), bytes(kem, "ek"));
        let key = EncapsulationKey::parse(&pair.public()).unwrap();
        let (ciphertext, z) = key.encapsulate(&secret(kem, "m"));
        assert_eq!(ciphertext, bytes(kem, "ct"));
        assert_eq!((&z, &pair.decapsulate(&ciphertext).unwrap()), (&secret(kem, "Z"), &z));
    }
}

#[test]
fn v2_key_schedule_vectors_match() {
    for case in part("handshakes") {
        let transcript = transcript(case);
        assert_eq!(transcript.login_hash().as_slice(), bytes(case, "T1"));
        let hybrid = hybrid_secret(case);
        let proofs = transcript.proofs(&hybrid);
        assert_eq!((&proofs.client, &proofs.server), (&secret(case, "M2"), &secret(case, "HAMK2")));
        for refusal in list(case, "refusals") {
            assert_eq!(proofs.refusal(text(refusal, "text")), secret(refusal, "refusal"));
        }
        if let Some(proof) = case["RESUME"].as_str() {
            let key = &part("handshakes")[case["after"].as_u64().unwrap() as usize];
            let keys = self::transcript(key).keys(&hybrid_secret(key), text(key, "L4").as_bytes());
            assert_eq!(
                keys.resume.proof(&transcript.login_hash()),
                secret(case, "RESUME"),
                "{proof}"
            );
        }
    }
}

#[test]
fn v2_records_match_in_both_directions() {
    let mut count = 0;
    for case in part("handshakes") {
        let keys = transcript(case).keys(&hybrid_secret(case), text(case, "L4").as_bytes());
        for record in list(case, "records") {
            let ((to_server, from_server), (to_client, from_client)) =
                (keys.client(), keys.server());
            let (mut sealer, mut opener): (RecordSealer, RecordOpener) =
                match text(record, "direction") {
                    "c2s" => (to_server, from_client),
                    _ => (to_client, from_server),
                };
            let number = record["counter"].as_u64().unwrap();
            sealer.skip_to(number);
            opener.skip_to(number);
            let expected: Vec<_> =
                list(record, "objects").iter().map(|object| object.as_str().unwrap()).collect();
            let mut out = Vec::new();
            sealer.seal(expected.join("\n").as_bytes(), &mut out).unwrap();
            let sealed = text(record, "sealed");
            assert_eq!(out, format!("{sealed}\n").into_bytes());
            assert_eq!(objects(&mut opener, sealed).unwrap(), expected);
            assert_eq!(objects(&mut opener, sealed), None, "a replayed record");
            count += 1;
        }
    }
    assert_eq!(count, 72);
}

#[test]
fn v2_bad_records_are_refused() {
    let file = &file()["bad_records"];
    let key = secret(file, "key");
    for record in list(file, "good") {
        let record = record.as_str().unwrap();
        assert!(objects(&mut RecordOpener::new(&key), record).is_some());
    }
    for record in list(file, "lines") {
        let opened = objects(&mut RecordOpener::new(&key), text(record, "line"));
        assert_eq!(opened, None, "{}", record["note"]);
    }
}

#[test]
fn v2_line_4_vectors_have_the_expected_outcome() {
    for case in part("handshakes") {
        for line in list(case, "line4") {
            let (transcript, secret) = (transcript(case), hybrid_secret(case));
            let proofs = transcript.proofs(&secret);
            let proof = PendingProof::V2 { secret, transcript, proofs };
            let outcome = match proof.check(text(line, "line").as_bytes()) {
                Ok(_) => "in",
                Err(Line4Error { reason: LoginFailure::Rejected { .. }, proven: true }) => {
                    "refused"
                }
                Err(Line4Error { proven: false, .. }) => "stop",
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(outcome, text(line, "outcome"), "{}", line["note"]);
        }
    }
}

#[test]
fn v2_room_key_vectors_match() {
    for case in part("handshakes") {
        let room_salt = bytes(case, "room_salt").try_into().unwrap();
        let key = match kind(case) {
            RoomKind::Classic => room_key(&password(case), &room_salt),
            RoomKind::Strict => StretchedKey::new(&password(case), &room_salt).room_key(),
        };
        let expected = URL_SAFE.decode(text(case, "room_key_b64url")).unwrap();
        let expected = RoomKey::new(&Secret::take(&mut expected.try_into().unwrap()));
        // A key cannot be read, so compare a token that it seals.
        assert_eq!(key.seal(1, [2; 16], b"x"), expected.seal(1, [2; 16], b"x"));
    }
}

#[test]
fn v2_verifier_token_vectors_match() {
    for case in part("handshakes") {
        let token = text(case, "verifier_token");
        let credentials = Credentials::from_token(token).unwrap();
        assert_eq!(credentials.room_kind(), kind(case));
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
    for case in part("handshakes") {
        let token = text(case, "verifier_token").strip_prefix("cmdchat2.").unwrap();
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
