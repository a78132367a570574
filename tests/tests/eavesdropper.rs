//! The knowledge of a passive eavesdropper: now, with a word list, and later with the
//! password itself. The key schedule is reimplemented here, as an attacker would do.

#![allow(clippy::unwrap_used, reason = "a test")]

use cmdchat_core::room_kind::RoomKind;
use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, aead::Aead as _};
use cmdchat_core::{
    client::ClientConfig,
    crypto::kdf::{StretchedKey, room_key},
    crypto::srp::{PublicValue, Salt, ServerChallenge, Verifier},
    secret::{Password, Secret},
    server::Limits,
    username::Username,
};
use cmdchat_tests::{
    Attack, Chunking, Client, Direction, Harness, PASSWORD, Verdict, epoch, password,
};
use hkdf::Hkdf;
use ml_kem::EncapsulationKey768;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const BUCKETS: [usize; 11] =
    [1024, 2048, 4096, 8192, 16384, 24576, 32768, 40960, 49152, 57344, 65536];

/// The lines of one connection, up and down.
#[derive(Clone, Debug, Default)]
struct Recording([Vec<Vec<u8>>; 2]);

impl Recording {
    /// Records alice's connection while she talks with robert in a room of this kind.
    fn of(kdf: RoomKind, guest: impl Fn(ClientConfig) -> ClientConfig) -> Self {
        let recorded = Arc::new(Mutex::new(Self::default()));
        let stage = Harness::new(kdf, Limits::default(), Chunking::Coalesced);
        stage.play(async |stage| {
            let robert = stage.join_sealed("robert").await;
            robert.say("said before").await;
            stage.pause(20).await;
            let into = Arc::clone(&recorded);
            let recorder: Attack = Box::new(move |way: Direction, _, line| {
                into.lock().unwrap().0[way as usize].push(line.to_vec());
                Verdict::Pass
            });
            let guest = guest(stage.guest("alice", PASSWORD));
            let alice = stage.try_join_through(recorder, guest).await.unwrap();
            stage.pause(20).await;
            alice.say("the elephant is in the room").await;
            robert.say(&"a long story ".repeat(500)).await;
            stage.pause(40_000).await;
            alice.finish().await;
            stage.pause(20).await;
        });
        recorded.lock().unwrap().clone()
    }

    fn value(&self, way: Direction, line: usize, key: &str) -> Vec<u8> {
        let line: Value = serde_json::from_slice(&self.0[way as usize][line]).unwrap();
        STANDARD.decode(line[key].as_str().unwrap()).unwrap()
    }

    /// Hashes a label and lines 1 to `count` of the handshake.
    fn transcript(&self, label: &[u8], count: usize) -> Vec<u8> {
        let mut hash = Sha256::new_with_prefix(label);
        for (way, number) in [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().take(count) {
            let line = &self.0[way][number];
            hash.update(u32::try_from(line.len()).unwrap().to_be_bytes());
            hash.update(line);
        }
        hash.finalize().to_vec()
    }

    /// Returns whether `secret` is K || Z, that is, whether it yields the proof in line 3.
    fn is_proven_by(&self, secret: &[u8]) -> bool {
        let salt = self.transcript(b"cmdchat/2 handshake\0", 2);
        let proof = derived(&salt, secret, b"cmdchat/2 client confirm");
        proof.as_slice() == self.value(Direction::Up, 1, "M")
    }

    /// Returns the records that decrypt if `secret` is K || Z or a record key
    /// itself.
    fn opened_with(&self, secret: &[u8]) -> Vec<Vec<u8>> {
        let salt = self.transcript(b"cmdchat/2 session\0", 4);
        let mut keys = vec![
            derived(&salt, secret, b"cmdchat/2 client to server"),
            derived(&salt, secret, b"cmdchat/2 server to client"),
        ];
        keys.extend(<[u8; 32]>::try_from(secret));
        let mut opened = Vec::new();
        for key in keys {
            let cipher = ChaCha20Poly1305::new(&key.into());
            for lines in &self.0 {
                for (number, line) in lines.iter().skip(2).enumerate() {
                    let sealed = STANDARD.decode(line).unwrap();
                    opened.extend(cipher.decrypt(&nonce(number).into(), sealed.as_slice()));
                }
            }
        }
        opened
    }

    /// Returns all values that an eavesdropper can derive from the recording and a password
    /// as candidates for the session key.
    fn secrets_from(&self, word: &str, kdf: RoomKind) -> Vec<Vec<u8>> {
        let room_salt: [u8; 16] = self.value(Direction::Down, 0, "room_salt").try_into().unwrap();
        let salt = Salt::from_wire(&self.value(Direction::Down, 0, "salt")).unwrap();
        let password = srp_password(word, kdf, &room_salt);
        let inner = Sha256::digest([b"chat:", password.expose()].concat());
        let x = Sha256::digest([salt.as_bytes(), &inner].concat()).to_vec();
        let v = Verifier::new(&password, salt).padded().to_vec();
        let plain = |key: &str, way, line| self.value(way, line, key);
        let known = [
            plain("A", Direction::Up, 0),
            plain("B", Direction::Down, 0),
            plain("M", Direction::Up, 1),
            plain("H_AMK", Direction::Down, 1),
        ];
        let own = [password.expose().to_vec(), x, v, Vec::new()];
        let room_key = derived(&room_salt, password.expose(), b"cmd-chat-room-key").to_vec();
        let mut secrets = vec![room_key];
        for secret in own.into_iter().chain(known) {
            secrets.push(Sha256::digest(&secret).to_vec());
            secrets.push(secret);
        }
        secrets
    }

    /// Returns whether the recording confirms a password guess.
    fn confirms(&self, word: &str, kdf: RoomKind) -> bool {
        let mut secrets = self.secrets_from(word, kdf).into_iter();
        secrets.any(|secret| self.is_proven_by(&secret) || !self.opened_with(&secret).is_empty())
    }
}

fn srp_password(word: &str, kdf: RoomKind, room_salt: &[u8; 16]) -> Password {
    match kdf {
        RoomKind::Classic => password(word),
        RoomKind::Strict => StretchedKey::new(&password(word), room_salt).srp_password(),
    }
}

fn derived(salt: &[u8], secret: &[u8], info: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut key).unwrap();
    key
}

fn nonce(number: usize) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(number as u64).to_be_bytes());
    nonce
}

fn contains(line: &[u8], word: &str) -> bool {
    line.windows(word.len()).any(|window| window == word.as_bytes())
}

/// The KDFs of both room kinds, both with sealed links.
const KDFS: [RoomKind; 2] = [RoomKind::Classic, RoomKind::Strict];

#[test]
fn recording_reveals_one_name_with_bucket_sizes() {
    for kdf in KDFS {
        let recording = Recording::of(kdf, |guest| guest);
        let [up, down] = &recording.0;
        assert!(up.len() >= 5 && down.len() >= 7, "there is something to record");
        for word in ["alice", "robert", "gAAAA", "elephant", "story"] {
            let telling = up.iter().chain(down).filter(|line| contains(line, word)).count();
            assert_eq!(telling, usize::from(word == "alice"), "{word}");
        }
        assert!(contains(&up[0], "alice"), "the one name is in line 1");
        let records = up.iter().skip(2).chain(down.iter().skip(2));
        for record in records {
            assert!(serde_json::from_slice::<Value>(record).is_err(), "no JSON after line 4");
            let length = STANDARD.decode(record).unwrap().len() - 16;
            assert!(BUCKETS.contains(&length), "{length}");
        }
    }
}

#[test]
fn only_a_v1_recording_confirms_guesses() {
    const WORDS: [&str; 3] = ["letmein", PASSWORD, ""];
    for kdf in KDFS {
        let recording = Recording::of(kdf, |guest| guest);
        for word in WORDS {
            assert!(!recording.confirms(word, kdf), "{kdf:?}: {word}");
        }
    }
    // In the same conversation over protocol 1, one token is enough.
    let recording = Recording::of(RoomKind::Classic, ClientConfig::v1_only);
    let room_salt = recording.value(Direction::Down, 0, "room_salt").try_into().unwrap();
    let said: Value = serde_json::from_slice(&recording.0[Direction::Up as usize][2]).unwrap();
    let token = said["text"].as_str().unwrap();
    let confirmed = WORDS.map(|word| room_key(&password(word), &room_salt).open(token).is_ok());
    assert_eq!(confirmed, [false, true, false]);
}

#[test]
fn passphrase_does_not_decrypt_a_recording() {
    for kdf in KDFS {
        let (recording, session_key) = played(kdf);
        // Control: with K and Z, the eavesdropper decrypts everything.
        assert!(recording.is_proven_by(&session_key));
        let opened = recording.opened_with(&session_key);
        let hello = usize::from(kdf == RoomKind::Strict);
        assert_eq!(opened.len(), 3 + hello, "init, a notice, what was said, and a hello");
        assert!(opened.iter().any(|object| contains(object, "gAAAA")));
        for secret in recording.secrets_from(PASSWORD, kdf) {
            assert!(!recording.is_proven_by(&secret));
            assert!(recording.opened_with(&secret).is_empty());
        }
    }
}

/// Returns alice's connection to a scripted server, and K || Z.
fn played(kdf: RoomKind) -> (Recording, Vec<u8>) {
    let mut recording = Recording::default();
    let (salt, room_salt) = (Salt::with_sentinel(*b"8 bytes."), *b"and sixteen more");
    let verifier = Arc::new(Verifier::new(&srp_password(PASSWORD, kdf, &room_salt), salt.clone()));
    let challenge = ServerChallenge::new(verifier, Secret::take(&mut [0xb3; 32]));

    let guest = ClientConfig::new(Username::new("alice").unwrap(), password(PASSWORD), epoch());
    let mut client = Client::of(guest);
    let hear_client = |client: &mut Client, recording: &mut Recording| {
        recording.0[0].extend(client.lines().into_iter().map(String::into_bytes));
    };
    let say = |client: &mut Client, recording: &mut Recording, line: String| {
        client.hear_line(&line);
        recording.0[1].push(line.into_bytes());
        hear_client(client, recording);
    };
    hear_client(&mut client, &mut recording);
    let key = recording.value(Direction::Up, 0, "kem").as_slice().try_into().unwrap();
    let (ciphertext, z) =
        EncapsulationKey768::new(&key).unwrap().encapsulate_deterministic(&[0x4d; 32].into());
    let line_2 = json!({
        "version": 2, "user_id": "c9bf9e57-1685-4c89-bafb-ff5af830be8a",
        "B": STANDARD.encode(challenge.public()), "salt": STANDARD.encode(salt.as_bytes()),
        "room_salt": STANDARD.encode(room_salt), "kdf": kdf.kdf_name(),
        "kem": STANDARD.encode(ciphertext),
    });
    say(&mut client, &mut recording, line_2.to_string());
    let a = PublicValue::from_wire(&recording.value(Direction::Up, 0, "A")).unwrap();
    let session_key = challenge.answer(&a).into_session_key();
    let session_key = [session_key.expose().as_slice(), &z].concat();
    let transcript = recording.transcript(b"cmdchat/2 handshake\0", 2);
    let h_amk = derived(&transcript, &session_key, b"cmdchat/2 server confirm");
    say(&mut client, &mut recording, json!({"H_AMK": STANDARD.encode(h_amk)}).to_string());

    let transcript = recording.transcript(b"cmdchat/2 session\0", 4);
    let key = derived(&transcript, &session_key, b"cmdchat/2 server to client");
    let cipher = ChaCha20Poly1305::new(&key.into());
    for (number, object) in [
        json!({"type": "init", "messages": [], "users": [], "members": 0, "history": 0,
            "run": "5e".repeat(16), "n": 0, "view": "0".repeat(64)}),
        json!({"type": "notice", "text": "welcome"}),
    ]
    .into_iter()
    .enumerate()
    {
        let object = format!("{:1024}", object.to_string());
        let record = cipher.encrypt(&nonce(number).into(), object.as_bytes());
        say(&mut client, &mut recording, STANDARD.encode(record.unwrap()));
    }
    client.say("the elephant is in the room");
    hear_client(&mut client, &mut recording);
    (recording, session_key)
}
