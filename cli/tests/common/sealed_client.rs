//! A minimal protocol 2 client that runs in the test process and exposes the keys
//! of its link. It is an independent implementation of the key schedule (PROTOCOL
//! 2.3) and of the records (2.4).

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, aead::Aead as _};
use cmdchat_core::{
    crypto::srp::{ClientStart, PublicValue, Salt},
    secret::{Password, Secret},
};
use hkdf::Hkdf;
use ml_kem::{DecapsulationKey768, KeyExport as _, kem::Decapsulate as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{PASSWORD, PATIENCE};

/// A member of a classic room with [`PASSWORD`] over a sealed link. Disconnects when
/// dropped.
pub(crate) struct Insider {
    socket: BufReader<TcpStream>,
    /// Objects of the record received last.
    objects: VecDeque<Value>,
    /// Numbers of records so far: client to server, server to client.
    records: [u64; 2],
    /// Keys of the link, in the same order. The server needs them until the member
    /// leaves.
    pub(crate) keys: [Vec<u8>; 2],
    /// Secrets that the keys were derived from. The server needs them no more.
    pub(crate) origins: [Vec<u8>; 3],
}

impl Insider {
    pub(crate) fn enter(port: u16, name: &str) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut socket = BufReader::new(socket);
        let start = ClientStart::new(Secret::take(&mut [0xa5; 32]));
        let a = STANDARD.encode(start.public());
        let kem = DecapsulationKey768::from_seed([0x5a; 64].into());
        let public = STANDARD.encode(kem.encapsulation_key().to_bytes());
        let hello = json!({
            "cmd": "srp_init", "username": name, "A": a, "versions": [2], "kem": public,
        });
        let mut lines = vec![say(&mut socket, &hello)];

        lines.push(hear(&mut socket));
        let challenge: Value = serde_json::from_str(&lines[1]).unwrap();
        let value = |field: &str| STANDARD.decode(challenge[field].as_str().unwrap()).unwrap();
        let salt = Salt::from_wire(&value("salt")).unwrap();
        let b = PublicValue::from_wire(&value("B")).unwrap();
        let password = Password::new(PASSWORD.as_bytes().to_vec().into());
        let proof = start.answer(&password, &salt, &b);
        let session_key = proof.into_session_key().expose().to_vec();
        let z = kem.decapsulate_slice(&value("kem")).unwrap();
        let secret = [&session_key[..], &z].concat();
        let root = extracted(&secret, b"cmdchat/2 handshake\0", &lines);
        let m = STANDARD.encode(expanded(&root, b"cmdchat/2 client confirm"));
        let proof = json!({ "cmd": "srp_verify", "user_id": challenge["user_id"], "M": m });
        lines.push(say(&mut socket, &proof));

        lines.push(hear(&mut socket));
        let root = extracted(&secret, b"cmdchat/2 session\0", &lines);
        let ways: [&[u8]; 2] = [b"cmdchat/2 client to server", b"cmdchat/2 server to client"];
        let keys = ways.map(|way| expanded(&root, way));
        let mut insider = Self {
            socket,
            objects: VecDeque::new(),
            records: [0; 2],
            keys,
            origins: [session_key, z.to_vec(), root],
        };
        assert_eq!(insider.hears()["type"], "init", "it is in the room");
        insider
    }

    /// Sends `object` unchanged.
    pub(crate) fn says(&mut self, object: &Value) {
        let object = format!("{:1024}", object.to_string());
        let [cipher, _] = self.ciphers();
        let nonce = self.nonce(0).into();
        let record = STANDARD.encode(cipher.encrypt(&nonce, object.as_bytes()).unwrap());
        self.socket.get_mut().write_all(format!("{record}\n").as_bytes()).unwrap();
    }

    /// Receives the next object from the server.
    pub(crate) fn hears(&mut self) -> Value {
        while self.objects.is_empty() {
            let record = STANDARD.decode(hear(&mut self.socket)).unwrap();
            let [_, cipher] = self.ciphers();
            let nonce = self.nonce(1).into();
            let objects = cipher.decrypt(&nonce, record.as_slice()).unwrap();
            let objects = objects.trim_ascii_end().split(|byte| *byte == b'\n');
            self.objects
                .extend(objects.map(|object| serde_json::from_slice::<Value>(object).unwrap()));
        }
        self.objects.pop_front().unwrap()
    }

    /// Returns the nonce of the next record of a direction, and counts it. The key changes
    /// every 256 records.
    fn nonce(&mut self, way: usize) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.records[way].to_be_bytes());
        self.records[way] += 1;
        if self.records[way].is_multiple_of(256) {
            self.keys[way] = expanded(&self.keys[way], b"cmdchat/2 next key");
        }
        nonce
    }

    fn ciphers(&self) -> [ChaCha20Poly1305; 2] {
        [0, 1].map(|way| ChaCha20Poly1305::new_from_slice(&self.keys[way]).unwrap())
    }
}

/// Writes `line` and returns it as it was sent.
fn say(socket: &mut BufReader<TcpStream>, line: &Value) -> String {
    let line = line.to_string();
    socket.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    line
}

/// Reads the next line and returns it without its line feed.
fn hear(socket: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    socket.read_line(&mut line).unwrap();
    assert_eq!(line.pop(), Some('\n'), "the server ended the connection");
    line
}

fn extracted(secret: &[u8], label: &[u8], lines: &[String]) -> Vec<u8> {
    let mut transcript = Sha256::new_with_prefix(label);
    for line in lines {
        transcript.update(u32::try_from(line.len()).unwrap().to_be_bytes());
        transcript.update(line);
    }
    Hkdf::<Sha256>::extract(Some(&transcript.finalize()), secret).0.to_vec()
}

fn expanded(root: &[u8], info: &[u8]) -> Vec<u8> {
    let mut key = vec![0; 32];
    Hkdf::<Sha256>::from_prk(root).unwrap().expand(info, &mut key).unwrap();
    key
}
