//! Replay of the recorded server's lines to the client.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cmdchat_core::{
    client,
    crypto::srp::{ClientStart, PublicValue, Salt, ServerChallenge, Verifier},
    secret::Secret,
    wire::json::lenient::{self, Value},
};
use cmdchat_tests::{Client, ScriptedServer, describe_event, password};

use crate::recording::{ALICE, Conn, Event, Facts, Recording, text};

/// Recomputes every number of every recorded login from the secrets and the password.
#[test]
fn recorded_logins_are_reproduced_to_the_byte() {
    let recording = Recording::read();
    let facts = &recording.facts;
    let salt = Salt::from_wire(&facts.srp_salt).expect("a short salt");
    let password = password(&facts.password);
    let verifier = Arc::new(Verifier::new(&password, salt.clone()));
    let challenge =
        |b: &[u8; 32]| ServerChallenge::new(Arc::clone(&verifier), Secret::take(&mut b.clone()));
    for (public, b) in &facts.b {
        assert_eq!(STANDARD.encode(challenge(b).public()), *public);
    }
    let logins = recording.logins();
    for (conn, [line_1, line_2, line_3, line_4]) in &logins {
        let (a_public, b_public) = (text(line_1, "A"), text(line_2, "B"));
        let bytes = |line, field| STANDARD.decode(text(line, field)).expect("base64");
        let start = ClientStart::new(Secret::take(&mut facts.a[a_public].clone()));
        assert_eq!(STANDARD.encode(start.public()), a_public);
        assert_eq!(bytes(line_2, "salt"), salt.as_bytes());
        assert_eq!(bytes(line_2, "room_salt"), facts.room_salt);

        let b = PublicValue::from_wire(&bytes(line_2, "B")).expect("a good B");
        let client = start.answer(&password, &salt, &b);
        assert_eq!(STANDARD.encode(client.proof()), text(line_3, "M"), "connection {conn}");

        let a = PublicValue::from_wire(&bytes(line_1, "A")).expect("a good A");
        let server = challenge(&facts.b[b_public]).answer(&a);
        let proven = server.check(&bytes(line_3, "M")).expect("Python's M is right");
        assert_eq!(STANDARD.encode(proven.h_amk), text(line_4, "H_AMK"), "connection {conn}");
        let key = client.check(&bytes(line_4, "H_AMK")).expect("Python's H_AMK is right");
        // Python sends K; this server sends random bytes.
        let sent = base64::engine::general_purpose::URL_SAFE.decode(bytes(line_4, "session_key"));
        assert_eq!(key.expose().as_slice(), sent.expect("base64"));
    }
    assert_eq!((facts.b.len(), logins.len()), (48, 28));
}

/// Each line yields one event that matches the clients' actions: joins, leaves, and
/// messages with readable text.
#[test]
fn client_events_match_the_recording() {
    let recording = Recording::read();
    let names = names(&recording);
    let (mut lines, mut readable) = (0, 0);
    for (conn, told) in hear_all(&recording) {
        for Told { line, events } in told {
            let [event] = events.as_slice() else { panic!("{line:?}: {events:?}") };
            let name = |object: &Value| names[word(object, "user_id")].as_str();
            match (word(&line, "type"), event) {
                ("init", client::Event::Ready(client::Welcome { members, history, .. })) => {
                    let listed = line.get("users").and_then(Value::as_list).expect("a list");
                    let listed: Vec<_> = listed.iter().map(name).collect();
                    let shown: Vec<_> = members.iter().map(|member| member.raw()).collect();
                    assert_eq!(shown, listed);
                    assert!(history.iter().all(|message| message.text.is_some()));
                    readable += history.len();
                }
                ("user_joined", client::Event::Joined(who, _))
                | ("user_left", client::Event::Left(who, _)) => {
                    assert_eq!(who.raw(), name(&line));
                }
                ("cleared", client::Event::HistoryCleared(None, _)) => {}
                ("message", client::Event::Message(message)) => {
                    let data = line.get("data").expect("DATA");
                    assert_eq!(message.author.raw(), word(data, "username"));
                    assert!(message.at.is_some() && message.own.is_none());
                    readable += usize::from(message.text.is_some());
                }
                (other, event) => panic!("connection {conn}: {other} was told as {event:?}"),
            }
            lines += 1;
        }
    }
    // Four texts are readable. Present members received them eight times in total, and the
    // last one is history to the first of the odd members.
    assert_eq!((lines, readable), (148, 9));
}

#[test]
fn two_clients() {
    let recording = Recording::read();
    insta::assert_snapshot!(shown(&recording, |scenario| scenario == "two_clients"));
}

/// Members of a Python server can send each other malformed data; this client shows little
/// of it.
#[test]
fn misbehaving_members_as_seen_by_alice() {
    let recording = Recording::read();
    insta::assert_snapshot!(shown(&recording, |scenario| scenario != "two_clients"));
}

/// A line of the server and the client's events for it.
struct Told {
    line: Value,
    events: Vec<client::Event>,
}

/// Returns all lines that each client received after its login.
fn hear_all(recording: &Recording) -> BTreeMap<Conn, Vec<Told>> {
    let mut clients = clients(recording);
    let mut heard: BTreeMap<Conn, Vec<Told>> = BTreeMap::new();
    for event in recording.events() {
        if let Some((conn, line, events)) = hear(&mut clients, event) {
            let line = lenient::read(line).expect("JSON, to Python at least");
            heard.entry(conn).or_default().push(Told { line, events });
        }
    }
    heard
}

fn shown(recording: &Recording, wanted: fn(&str) -> bool) -> String {
    let mut clients = clients(recording);
    let mut page = String::new();
    for (scenario, events) in &recording.scenarios {
        let wanted = wanted(scenario);
        if wanted && events.iter().any(|event| matches!(event, Event::ToClient(ALICE, _))) {
            let _ = writeln!(page, "# {scenario}");
        }
        for event in events {
            let Some((conn, _, told)) = hear(&mut clients, event) else { continue };
            if wanted && (conn == ALICE || scenario == "two_clients") {
                let who = &clients[&conn].name;
                for event in told {
                    let _ = writeln!(page, "{who:8} {}", describe_event(&event));
                }
            }
        }
    }
    page
}

/// Returns a client for each recorded one that logged in. Each has logged in to a server
/// with the recorded numbers, so it derives the recorded room key.
fn clients(recording: &Recording) -> BTreeMap<Conn, Member> {
    let Facts { srp_salt, room_salt, b, .. } = &recording.facts;
    let logins = recording.logins().into_iter().map(|(conn, [line_1, line_2, ..])| {
        let salt = Salt::from_wire(srp_salt).expect("a short salt");
        let server = ScriptedServer::with(salt, b[text(&line_2, "B")], *room_salt);
        let name = text(&line_1, "username").to_owned();
        let mut client = Client::new(&name);
        let hello = client.lines().concat();
        client.hear_line(&line_2.to_string());
        let proof = client.lines().concat();
        let confirmation = server.confirmation(&hello, &proof).expect("the same password");
        client.hear_line(&confirmation.to_string());
        assert!(client.is_in());
        (conn, Member { name, client, handshake_lines: 2 })
    });
    logins.collect()
}

struct Member {
    name: String,
    client: Client,
    /// Number of recorded handshake lines still to be skipped.
    handshake_lines: u32,
}

/// Returns the line and the client's events for it, if `event` is a line sent to a member.
fn hear<'a>(
    clients: &mut BTreeMap<Conn, Member>,
    event: &'a Event,
) -> Option<(Conn, &'a [u8], Vec<client::Event>)> {
    let Event::ToClient(conn, line) = event else { return None };
    let Member { client, handshake_lines, .. } = clients.get_mut(conn)?;
    if *handshake_lines > 0 {
        *handshake_lines -= 1;
        return None;
    }
    client.hear(line);
    Some((*conn, line, client.events()))
}

fn word<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_text).unwrap_or_else(|| panic!("{field} is no text"))
}

/// Returns the username of each `user_id`, from the clients' requests.
fn names(recording: &Recording) -> BTreeMap<String, String> {
    let logins = recording.logins().into_iter();
    let named = logins.map(|(_, [line_1, line_2, ..])| {
        (text(&line_2, "user_id").to_owned(), text(&line_1, "username").to_owned())
    });
    named.collect()
}
