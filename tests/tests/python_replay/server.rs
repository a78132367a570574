//! Replay of the recorded clients' lines to the server.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use cmdchat_core::{
    crypto::srp::{ClientStart, PublicValue, Salt},
    secret::Secret,
    server::Limits,
    wire::json::lenient,
};
use cmdchat_tests::{TestServer, password};
use serde_json::{Map, Value};

use crate::{
    deviations::DEVIATIONS,
    recording::{ALICE, Conn, Event, Facts, Recording, text},
};

/// Each scenario ends as with the Python server, or as the table of deviations states.
#[test]
fn server_replies_match_python() {
    let recording = Recording::read();
    let mut replay = Replay::new(&recording.facts);
    let (mut python_lines, mut equal_lines, mut deviating) = (0, 0, Vec::new());
    for (scenario, events) in &recording.scenarios {
        let (python, ours) = replay.play(events);
        let difference = difference(&python, &ours);
        let missing = difference.iter().filter(|line| line.starts_with('-')).count();
        let said = python.values().flatten().count();
        python_lines += said;
        equal_lines += said - missing;
        let expected = DEVIATIONS.iter().find(|deviation| deviation.scenario == scenario);
        let allowed = expected.map_or(&[][..], |deviation| deviation.difference);
        assert_eq!(difference, allowed, "{scenario}\nPython: {python:#?}\nours: {ours:#?}");
        if expected.is_some() {
            deviating.push(scenario);
        }
    }
    let listed: Vec<_> = DEVIATIONS.iter().map(|deviation| deviation.scenario).collect();
    assert_eq!(deviating, listed, "an entry of the table is stale");
    assert!(DEVIATIONS.iter().all(|deviation| !deviation.difference.is_empty()));
    assert!(DEVIATIONS.iter().all(|deviation| !deviation.protocol.is_empty()));
    assert_eq!((recording.scenarios.len(), DEVIATIONS.len()), (65, 27));
    // Lines of the Python server, including the ends of connections.
    assert_eq!((python_lines, equal_lines), (325, 283));
}

/// The lines each connection of a scenario received, by client.
type Observed = BTreeMap<String, Vec<String>>;

/// Returns the lines that only one of the two servers sent: `-` Python, `+` this one.
fn difference(python: &Observed, ours: &Observed) -> Vec<String> {
    let mut difference = Vec::new();
    let nothing = Vec::new();
    for (who, python) in python {
        let mut ours = ours.get(who).unwrap_or(&nothing).as_slice();
        let mut note = |sign, line: &str| difference.push(format!("{sign} {who} {}", short(line)));
        for line in python {
            match ours.iter().position(|own| own == line) {
                None => note('-', line),
                Some(at) => {
                    ours[..at].iter().for_each(|own| note('+', own));
                    ours = &ours[at + 1..];
                }
            }
        }
        ours.iter().for_each(|own| note('+', own));
    }
    difference
}

/// Truncates a line to the part that the table shows.
fn short(line: &str) -> String {
    const SHOWN: usize = 56;
    let head: String = line.chars().take(SHOWN).collect();
    if head.len() < line.len() { head + "…" } else { head }
}

/// This server in place of the recorded one.
struct Replay<'a> {
    facts: &'a Facts,
    house: TestServer,
    /// The server's connection number for each recorded one.
    ours: BTreeMap<Conn, usize>,
    names: BTreeMap<Conn, String>,
    python_ids: Ids,
    our_ids: Ids,
    logins: BTreeMap<Conn, Login>,
    seen: BTreeMap<Conn, Vec<String>>,
    /// Connections that the client closed, and those that the server is done with.
    left: BTreeSet<Conn>,
    over: BTreeSet<Conn>,
}

/// State of a login that is needed to rebuild its line 3.
#[derive(Default)]
struct Login {
    line_1: Value,
    python_user_id: String,
    our_challenge: Value,
}

impl<'a> Replay<'a> {
    fn new(facts: &'a Facts) -> Self {
        assert_eq!(facts.password, cmdchat_tests::PASSWORD);
        Self {
            facts,
            house: TestServer::new(&Limits::default()),
            ours: BTreeMap::new(),
            names: BTreeMap::new(),
            python_ids: Ids::new("127.0.0.1"),
            our_ids: Ids::new(""),
            logins: BTreeMap::new(),
            seen: BTreeMap::new(),
            left: BTreeSet::new(),
            over: BTreeSet::new(),
        }
    }

    /// Sends the clients' lines to this server and returns the answers of both servers.
    fn play(&mut self, events: &[Event]) -> (Observed, Observed) {
        let (mut python, mut peers) = (Observed::new(), 0);
        self.seen.clear();
        self.python_ids.forget_messages();
        self.our_ids.forget_messages();
        let ends = ends(events);
        for event in events {
            match event {
                Event::Open(conn) => {
                    // Alice clears after each scenario, so more than ten seconds must pass.
                    self.house.pass(Duration::from_secs(11));
                    self.ours.insert(*conn, self.house.open());
                    peers += u32::from(*conn != ALICE);
                    let name =
                        if *conn == ALICE { "alice".into() } else { format!("peer {peers}") };
                    self.names.insert(*conn, name);
                }
                Event::ToServer(conn, line) => {
                    let line = self.anew(*conn, line);
                    self.house.hear(self.ours[conn], &line);
                }
                Event::ClientEnds(conn) => {
                    self.left.insert(*conn);
                    self.house.end(self.ours[conn]);
                }
                Event::ToClient(conn, line) => {
                    let name = &self.names[conn];
                    if let Ok(line) = serde_json::from_slice::<Value>(line)
                        && line.get("B").is_some()
                    {
                        let login = self.logins.entry(*conn).or_default();
                        login.python_user_id = text(&line, "user_id").to_owned();
                    }
                    let line = self.python_ids.masked(line, name);
                    python.entry(name.clone()).or_default().push(line);
                }
                Event::ServerEnds(conn) => {
                    python.entry(self.names[conn].clone()).or_default().push(ends[conn].to_owned());
                }
            }
            self.listen();
        }
        let ours = self.seen.iter().map(|(conn, lines)| (self.names[conn].clone(), lines.clone()));
        (python, ours.collect())
    }

    /// Records the server's lines since the last call.
    fn listen(&mut self) {
        for (conn, number) in &self.ours {
            for line in self.house.lines(*number) {
                assert!(serde_json::from_str::<Value>(&line).is_ok(), "strict JSON: {line}");
                let masked = self.our_ids.masked(line.as_bytes(), &self.names[conn]);
                self.seen.entry(*conn).or_default().push(masked);
                let login = self.logins.entry(*conn).or_default();
                if login.our_challenge.is_null() {
                    login.our_challenge = serde_json::from_str(&line).unwrap_or_default();
                }
            }
        }
        for (conn, number) in &self.ours {
            if self.house.has_hung_up(*number) && self.over.insert(*conn) {
                let end = if self.left.contains(conn) { "(follows)" } else { "(hangs up)" };
                self.seen.entry(*conn).or_default().push(end.to_owned());
            }
        }
    }

    /// Returns the line as this client would have sent it to this server. Its spelling
    /// stays, but line 3 has this server's `user_id` and a new proof.
    fn anew(&mut self, conn: Conn, line: &[u8]) -> Vec<u8> {
        let Ok(object) = serde_json::from_slice::<Value>(line) else { return line.to_vec() };
        let login = self.logins.entry(conn).or_default();
        match object["cmd"].as_str() {
            Some("srp_init") if login.line_1.is_null() => login.line_1 = object,
            Some("srp_verify") if login.our_challenge.get("B").is_some() => {
                let line = String::from_utf8_lossy(line);
                let own_id = text(&login.our_challenge, "user_id");
                let line = line.replace(&login.python_user_id, own_id);
                let (Some(m), Some(proof)) = (object["M"].as_str(), login.proof(self.facts)) else {
                    return line.into();
                };
                return line.replace(m, &proof).into();
            }
            _ => {}
        }
        line.to_vec()
    }
}

impl Login {
    /// Returns the correct M, or `None` for eve, who never knew the password.
    fn proof(&self, facts: &Facts) -> Option<String> {
        let secret = facts.a.get(self.line_1["A"].as_str()?)?;
        let start = ClientStart::new(Secret::take(&mut secret.clone()));
        let field = |name| STANDARD.decode(text(&self.our_challenge, name)).expect("base64");
        let b = PublicValue::from_wire(&field("B")).expect("a good B");
        let salt = Salt::from_wire(&field("salt")).expect("a good salt");
        let proof = start.answer(&password(&facts.password), &salt, &b);
        Some(STANDARD.encode(proof.proof()))
    }
}

/// Returns which side closed each connection of a scenario first.
fn ends(events: &[Event]) -> BTreeMap<Conn, &'static str> {
    let mut ends = BTreeMap::new();
    for event in events {
        match event {
            Event::ClientEnds(conn) => ends.entry(*conn).or_insert("(follows)"),
            Event::ServerEnds(conn) => ends.entry(*conn).or_insert("(hangs up)"),
            Event::Open(_) | Event::ToServer(..) | Event::ToClient(..) => continue,
        };
    }
    ends
}

/// Replaces values that differ in every run by names, after a check of their shape.
struct Ids {
    /// Expected value of `user_ip`; this server reveals no address.
    address: &'static str,
    users: BTreeMap<String, String>,
    messages: Vec<String>,
}

impl Ids {
    const fn new(address: &'static str) -> Self {
        Self { address, users: BTreeMap::new(), messages: Vec::new() }
    }

    fn forget_messages(&mut self) {
        self.messages.clear();
    }

    /// Masks one line sent to `who`, without its `\n`.
    fn masked(&mut self, line: &[u8], who: &str) -> String {
        let line = lenient::read(line).expect("JSON, more or less");
        if line.get("B").is_some()
            && let Some(id) = line.get("user_id").and_then(lenient::Value::as_text)
        {
            assert!(is_uuid4(id), "{id}");
            self.users.insert(id.to_owned(), who.to_owned());
        }
        self.mask("", &line).to_string()
    }

    fn mask(&mut self, field: &str, value: &lenient::Value) -> Value {
        use lenient::Value as Tolerant;
        match value {
            Tolerant::Null => Value::Null,
            Tolerant::Bool(bool) => (*bool).into(),
            Tolerant::Number(number) => {
                serde_json::from_str(number).unwrap_or_else(|_| number.as_str().into())
            }
            Tolerant::Text(text) => self.masked_text(field, text).into(),
            Tolerant::List(list) => list.iter().map(|value| self.mask("", value)).collect(),
            Tolerant::Object(members) => {
                let members = members.iter().map(|(name, value)| {
                    let masked = self.mask(name, value);
                    (name.clone(), masked)
                });
                members.collect::<Map<_, _>>().into()
            }
        }
    }

    fn masked_text(&mut self, field: &str, text: &str) -> String {
        let bytes = STANDARD.decode(text).unwrap_or_default();
        let right = match field {
            "user_id" => return self.users.get(text).map_or(text, |who| who).to_owned(),
            "id" if is_uuid4(text) => {
                let known = self.messages.iter().position(|id| id == text);
                let at = known.unwrap_or_else(|| {
                    self.messages.push(text.to_owned());
                    self.messages.len() - 1
                });
                return format!("message {}", at + 1);
            }
            "user_ip" => text == self.address,
            "timestamp" => is_python_time(text),
            "B" => (200..=256).contains(&bytes.len()) && bytes[0] != 0,
            "salt" => (1..=16).contains(&bytes.len()) && bytes[0] != 0,
            "room_salt" => bytes.len() == 16,
            "H_AMK" => bytes.len() == 32,
            "session_key" => URL_SAFE.decode(&bytes).is_ok_and(|key| key.len() == 32),
            _ => false,
        };
        if right { "…".to_owned() } else { text.to_owned() }
    }
}

/// Returns whether `text` has this shape; `0` stands for a digit, `x` for a lower-case hex
/// digit.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            other => byte == other,
        })
}

fn is_uuid4(text: &str) -> bool {
    has_shape(text, "xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx")
        && matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b')
}

fn is_python_time(text: &str) -> bool {
    ["0000-00-00T00:00:00.000000+00:00", "0000-00-00T00:00:00+00:00"]
        .iter()
        .any(|shape| has_shape(text, shape))
}
