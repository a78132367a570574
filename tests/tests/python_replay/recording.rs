//! The recorded transcripts as Rust values.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cmdchat_core::{crypto::srp::ClientStart, secret::Secret};
use cmdchat_tests::recordings;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The number of a connection. Alice, who is always present, has 1.
pub(crate) type Conn = u64;
pub(crate) const ALICE: Conn = 1;

/// An event at the proxy. Lines include their `\n`.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Open(Conn),
    ToServer(Conn, Vec<u8>),
    ToClient(Conn, Vec<u8>),
    ClientEnds(Conn),
    ServerEnds(Conn),
}

pub(crate) struct Recording {
    /// The scenarios in recorded order.
    pub(crate) scenarios: Vec<(String, Vec<Event>)>,
    pub(crate) facts: Facts,
}

/// Secrets that only the Python programs knew.
pub(crate) struct Facts {
    pub(crate) password: String,
    pub(crate) srp_salt: Vec<u8>,
    pub(crate) room_salt: [u8; 16],
    /// The secret of each public value; keys as sent.
    pub(crate) a: BTreeMap<String, [u8; 32]>,
    pub(crate) b: BTreeMap<String, [u8; 32]>,
}

impl Recording {
    pub(crate) fn read() -> Self {
        let mut scenarios: Vec<(String, Vec<Event>)> = Vec::new();
        let mut facts = None;
        for object in recordings() {
            let scenario = text(&object, "scenario");
            if scenario == "facts" {
                facts = Some(Facts::read(&object));
                continue;
            }
            if scenarios.last().is_none_or(|(last, _)| last != scenario) {
                scenarios.push((scenario.to_owned(), Vec::new()));
            }
            let events = scenarios.last_mut().expect("just pushed");
            events.1.extend(event(&object));
        }
        Self { scenarios, facts: facts.expect("the last object") }
    }

    /// Returns all events of all scenarios.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.scenarios.iter().flat_map(|(_, events)| events)
    }

    /// Returns the completed logins: connection and lines 1 to 4.
    pub(crate) fn logins(&self) -> Vec<(Conn, [Value; 4])> {
        let mut begun: BTreeMap<Conn, Vec<Value>> = BTreeMap::new();
        for event in self.events() {
            if let Event::ToServer(conn, line) | Event::ToClient(conn, line) = event {
                let lines = begun.entry(*conn).or_default();
                if lines.len() < 4 {
                    lines.push(serde_json::from_slice(line).unwrap_or_default());
                }
            }
        }
        let complete = begun.into_iter().filter_map(|(conn, lines)| {
            let lines: [Value; 4] = lines.try_into().ok()?;
            lines[3].get("H_AMK").is_some().then_some((conn, lines))
        });
        complete.collect()
    }
}

impl Facts {
    fn read(object: &Value) -> Self {
        let pairs = |list: &str, public: &str, secret: &str| {
            let list = object[list].as_array().expect("a list").iter();
            list.map(|pair| (text(pair, public).to_owned(), bytes(pair, secret))).collect()
        };
        let mut a: BTreeMap<String, [u8; 32]> = pairs("python_client_a", "A", "a");
        for name in ["mallory", "len*"] {
            let secret = bytes(&object["raw_client_a"], name);
            let start = ClientStart::new(Secret::take(&mut secret.clone()));
            a.insert(STANDARD.encode(start.public()), secret);
        }
        Self {
            password: text(object, "password").to_owned(),
            srp_salt: hex::decode(text(object, "srp_salt_hex")).expect("hex"),
            room_salt: bytes(object, "room_salt_hex"),
            a,
            b: pairs("server_b", "B", "b"),
        }
    }
}

pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_else(|| panic!("{field} is no text"))
}

fn bytes<const N: usize>(object: &Value, field: &str) -> [u8; N] {
    let bytes = hex::decode(text(object, field)).expect("hex");
    bytes.try_into().unwrap_or_else(|_| panic!("{field} has another length"))
}

/// Parses an event; returns `None` for a remark.
fn event(object: &Value) -> Option<Event> {
    let conn = || object["conn"].as_u64().expect("a number");
    Some(match text(object, "event") {
        "open" => Event::Open(conn()),
        "c2s" => Event::ToServer(conn(), line(object, long_request)),
        "s2c" => Event::ToClient(conn(), line(object, long_message)),
        "client_eof" => Event::ClientEnds(conn()),
        "server_eof" => Event::ServerEnds(conn()),
        "note" => return None,
        other => panic!("unknown event {other}"),
    })
}

fn line(object: &Value, long: fn(&Value, usize) -> String) -> Vec<u8> {
    if let Some(line) = object["line"].as_str() {
        line.into()
    } else if let Some(line) = object["line_b64"].as_str() {
        STANDARD.decode(line).expect("base64")
    } else {
        let length = object["line_len"].as_u64().expect("a number") as usize;
        let line = long(object, length);
        assert_eq!(line.len(), length);
        line.into()
    }
}

/// Reconstructs a line that was sent to find the longest accepted one. The recording has
/// only its length and hash.
fn long_request(object: &Value, length: usize) -> String {
    let [head, tail] = [r#"{"type":"message","text":""#, "\"}\n"];
    let line = format!("{head}{}{tail}", "y".repeat(length - head.len() - tail.len()));
    assert_eq!(hex::encode(Sha256::digest(&line)), text(object, "line_sha256"));
    line
}

/// Reconstructs the server's message for such a line. Id and time are unknown, but not
/// their lengths, so the author's name, which is the request's length, is exact.
fn long_message(_: &Value, length: usize) -> String {
    let message = |text: &str, request: usize| {
        format!(
            "{{\"type\": \"message\", \"data\": {{\
             \"id\": \"00000000-0000-4000-8000-000000000000\", \"text\": \"{text}\", \
             \"timestamp\": \"2026-11-23T15:52:25.000001+00:00\", \
             \"user_ip\": \"127.0.0.1\", \"username\": \"len{request}\"}}}}\n"
        )
    };
    let text = "y".repeat(length - message("", 65_535).len());
    let request = text.len() + r#"{"type":"message","text":""}"#.len() + 1;
    message(&text, request)
}
