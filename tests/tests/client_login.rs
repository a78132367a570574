//! The client's login against servers that are malicious, unusual, or not cmdchat at all:
//! bytes in, sent lines and result out.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cmdchat_core::{client::LoginFailure, error::WireError, untrusted::Untrusted, wire::MAX_LINE};
use cmdchat_tests::{Client, ScriptedServer, python_json, vectors};
use serde_json::{Value, json};

const MILLISECOND: Duration = Duration::from_millis(1);
const NO_SERVER: LoginFailure = LoginFailure::NotAServer { http: false };
const HTTP: LoginFailure = LoginFailure::NotAServer { http: true };

/// Returns the expected failure: any other line in place of line 4 is a missing server
/// proof.
fn in_place_of<'a>(line: &str, failed: &'a LoginFailure) -> &'a LoginFailure {
    if line == "line 4" && matches!(failed, LoginFailure::NotAServer { .. }) {
        &LoginFailure::ServerNotAuthenticated
    } else {
        failed
    }
}

/// Returns a client that waits for line 2.
fn greeting() -> Client {
    let mut client = Client::new("alice");
    assert_eq!(client.lines().len(), 1);
    client
}

/// Returns a client that waits for line 4, and the correct line 4.
fn proving() -> (Client, Value) {
    let (mut client, server) = (Client::new("alice"), ScriptedServer::new());
    let line_1 = client.lines().concat();
    client.hear_line(&server.challenge().to_string());
    let line_3 = client.lines().concat();
    let line_4 = server.confirmation(&line_1, &line_3).expect("both know the password");
    (client, line_4)
}

/// Returns a client in each of its two phases.
fn waiting() -> [(&'static str, Client); 2] {
    [("line 2", greeting()), ("line 4", proving().0)]
}

/// Asserts that the client failed for this reason and sent nothing more.
#[track_caller]
fn assert_failed(client: &mut Client, expected: &LoginFailure, what: &str) {
    assert_eq!(client.failure(), Some(expected), "{what}");
    assert_eq!(client.lines(), [""; 0], "{what}");
}

fn with(mut object: Value, field: &str, value: Value) -> String {
    object[field] = value;
    object.to_string()
}

fn without(mut object: Value, field: &str) -> String {
    object.as_object_mut().expect("an object").remove(field);
    object.to_string()
}

fn base64(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

#[test]
fn client_sends_lines_1_then_3_then_waits() {
    let server = ScriptedServer::new();
    let mut client = Client::new("кэрол 😀");
    let line_1 = client.lines();
    let [line_1] = line_1.as_slice() else { panic!("{line_1:?}") };
    let a = line_1
        .strip_prefix(r#"{"cmd":"srp_init","username":"кэрол 😀","A":""#)
        .and_then(|rest| rest.strip_suffix(r#""}"#));
    let a = STANDARD.decode(a.expect("the shape of line 1")).expect("base64");
    assert!(a.len() <= 256 && a[0] != 0, "A is sent without leading zero bytes");

    client.hear_line(&python_json(&server.challenge()));
    let line_3 = client.lines();
    let [line_3] = line_3.as_slice() else { panic!("{line_3:?}") };
    let m = line_3
        .strip_prefix(
            r#"{"cmd":"srp_verify","user_id":"c9bf9e57-1685-4c89-bafb-ff5af830be8a","M":""#,
        )
        .and_then(|rest| rest.strip_suffix(r#""}"#));
    assert_eq!(STANDARD.decode(m.expect("the shape of line 3")).map(|m| m.len()), Ok(32));

    let line_4 = server.confirmation(line_1, line_3).expect("both know the password");
    client.hear_line(&python_json(&line_4));
    assert!(client.is_in());
    assert_eq!(client.lines(), [""; 0]);
    client.say("hello");
    assert_eq!(client.lines(), [""; 0], "what is said too early waits for the welcome");
    client.hear_line(r#"{"type":"init"}"#);
    assert_eq!(client.lines().len(), 1);
}

/// Same client and server except for `room_salt`. The client's lines before the server's
/// proof are identical, so they reveal nothing about the room key.
#[test]
fn room_key_is_unused_before_server_proof() {
    let heard = |room_salt: &[u8; 16]| {
        let mut client = greeting();
        client.hear_line(&with(ScriptedServer::new().challenge(), "room_salt", base64(room_salt)));
        client.lines()
    };
    assert_eq!(heard(&[1; 16]), heard(&[2; 16]));
    assert_eq!(heard(&[1; 16]).len(), 1);
}

#[test]
fn known_login_rejections_are_reported() {
    for text in [
        "Invalid JSON",
        "Expected srp_init",
        "Missing A",
        "Username taken",
        "SRP init failed",
        "Expected srp_verify",
        "Invalid verify request",
        "Authentication failed",
        "Invalid username",
        "Room full",
        "Protocol 2 required",
        "Try again later",
    ] {
        let known = WireError::from_wire(text);
        assert_eq!(known.map(WireError::as_str), Some(text));
        for (when, mut client) in waiting() {
            client.hear_line(&json!({ "error": text }).to_string());
            let refused = LoginFailure::Rejected { known, text: Untrusted::new(text.to_owned()) };
            assert_failed(&mut client, &refused, when);
        }
    }
}

#[test]
fn unknown_login_rejections_are_reported() {
    for (line, text) in [
        (r#"{"error": "negative count"}"#, "negative count"),
        (r#"{"error": "room full"}"#, "room full"),
        (r#"{"error": ""}"#, ""),
        (r#"{"error": "\ud800 [31m"}"#, "\u{fffd} [31m"),
        (r#"{"error": 5}"#, "5"),
        (r#"{"error": null}"#, "null"),
        (r#"{"error": NaN, "user_id": "x"}"#, "null"),
        (r#"{"error": ["a", {"b": 1e999}]}"#, r#"["a",{"b":1e999}]"#),
    ] {
        for (when, mut client) in waiting() {
            client.hear_line(line);
            let text = Untrusted::new(text.to_owned());
            let refused = LoginFailure::Rejected { known: None, text };
            assert_failed(&mut client, &refused, &format!("{when}: {line}"));
        }
    }
}

#[test]
fn non_server_answers_are_detected() {
    let deep = "[".repeat(40_000);
    let brackets = format!("{deep}{}", "]".repeat(20_000));
    for (line, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r"[..], &HTTP),
        (b"HTTP/1.0 200 OK", &HTTP),
        (b"SSH-2.0-OpenSSH_9.9\r", &NO_SERVER),
        (b"220 mail.example ESMTP", &NO_SERVER),
        (b"", &NO_SERVER),
        (b"\r", &NO_SERVER),
        (b"hello", &NO_SERVER),
        (b"{", &NO_SERVER),
        (b"{} {}", &NO_SERVER),
        (b"\x16\x03\x01\x02\x00\xff\xfe", &NO_SERVER),
        (deep.as_bytes(), &NO_SERVER),
        (brackets.as_bytes(), &NO_SERVER),
    ] {
        for (when, mut client) in waiting() {
            client.hear(line);
            assert!(client.failure().is_none(), "the line is not complete");
            client.hear(b"\n");
            let what = String::from_utf8_lossy(line);
            let what = format!("{when}: {}", what.chars().take(40).collect::<String>());
            assert_failed(&mut client, in_place_of(when, expected), &what);
        }
    }
}

#[test]
fn endless_line_fails_at_max_line() {
    for (when, mut client) in waiting() {
        client.hear(&vec![b'x'; MAX_LINE]);
        assert!(client.failure().is_none(), "{when}: the line may still end here");
        client.hear(b"x");
        assert_failed(&mut client, in_place_of(when, &NO_SERVER), when);
    }
}

/// The limit for line 2 equals Python's line limit.
#[test]
fn line_2_of_max_length_is_accepted() {
    let mut client = greeting();
    let line = ScriptedServer::new().challenge().to_string();
    client.hear_line(&format!("{}{line}", " ".repeat(MAX_LINE - line.len())));
    assert_eq!(client.lines().len(), 1);
}

/// For JSON that is not a valid line 2, the client never sends `M`.
#[test]
fn malformed_line_2_fails_the_login() {
    let right = || ScriptedServer::new().challenge();
    let mut lines = vec![
        ("array", "[]".to_owned()),
        ("array of it", json!([right()]).to_string()),
        ("nothing", "null".to_owned()),
        ("number", "5".to_owned()),
        ("string", "\"B\"".to_owned()),
        ("no field", "{}".to_owned()),
        ("user_id is empty", with(right(), "user_id", "".into())),
        ("B is not base64", with(right(), "B", "a".into())),
        ("B is of the other base64", with(right(), "B", "-_-_".into())),
        ("B has a stray character", with(right(), "B", "AAAA AAAA".into())),
        ("B is no ASCII", with(right(), "B", "é".into())),
        ("salt is not base64", with(right(), "salt", "?".into())),
        ("room_salt is not base64", with(right(), "room_salt", "=".into())),
    ];
    for field in ["user_id", "B", "salt", "room_salt"] {
        lines.push((field, without(right(), field)));
        for other in [Value::Null, 5.into(), true.into(), json!([]), json!({})] {
            lines.push((field, with(right(), field, other)));
        }
    }
    for (what, line) in lines {
        let mut client = greeting();
        client.hear_line(&line);
        assert_failed(&mut client, &NO_SERVER, what);
    }
}

/// Only a server without the password sends such numbers: they would make the proof easy,
/// or reveal something about the password.
#[test]
fn unsafe_srp_values_fail_the_login() {
    let n = hex::decode(vectors("srp_rfc5054_2048_sha256.json")["N"].as_str().expect("a text"));
    let n = n.expect("hex");
    assert_eq!(n.last(), Some(&0x73));
    let near = |last: u8| [&n[..255], &[last]].concat();
    for (field, bytes) in [
        ("B", vec![]),
        ("B", vec![0]),
        ("B", vec![0; 256]),
        ("B", vec![0; 300]),
        ("B", vec![1]),
        ("B", [vec![0; 255], vec![1]].concat()),
        ("B", near(0x72)),
        ("B", n.clone()),
        ("B", [vec![0; 44], n.clone()].concat()),
        ("B", near(0x74)),
        ("B", vec![0xff; 256]),
        ("B", vec![1; 257]),
        ("salt", vec![1; 65]),
        ("salt", [vec![0], vec![1; 65]].concat()),
        ("room_salt", vec![]),
        ("room_salt", vec![7; 15]),
        ("room_salt", vec![7; 17]),
        ("room_salt", vec![0; 17]),
    ] {
        let mut client = greeting();
        client.hear_line(&with(ScriptedServer::new().challenge(), field, base64(&bytes)));
        let what = format!("{field} of {} bytes", bytes.len());
        assert_failed(&mut client, &LoginFailure::ServerNotAuthenticated, &what);
    }
}

/// Unusual but valid: the login continues.
#[test]
fn unusual_srp_values_are_accepted() {
    for (field, bytes) in [
        ("B", vec![2]),
        ("B", [vec![0; 299], vec![5]].concat()),
        ("salt", vec![]),
        ("salt", vec![0; 16]),
        ("salt", vec![1; 64]),
        ("salt", [vec![0; 64], vec![1; 64]].concat()),
        ("room_salt", vec![0; 16]),
    ] {
        let mut client = greeting();
        client.hear_line(&with(ScriptedServer::new().challenge(), field, base64(&bytes)));
        assert_eq!(client.lines().len(), 1, "{field} of {} bytes", bytes.len());
    }
}

#[test]
fn wrong_server_proof_fails_the_login() {
    let right = proving().1;
    let proof = STANDARD.decode(right["H_AMK"].as_str().expect("a text")).expect("base64");
    let mut other = proof.clone();
    other[31] ^= 1;
    let proofs = [
        base64(&other),
        base64(&[0; 32]),
        base64(&[]),
        base64(&proof[..31]),
        base64(&[&proof[..], &[0]].concat()),
        base64(&[&[0], &proof[..]].concat()),
        base64(&vec![0xff; 4096]),
        hex::encode(&proof).into(),
        "not base64".into(),
        Value::Null,
        true.into(),
        5.into(),
        json!([base64(&proof)]),
    ];
    let wrong = proofs.into_iter().map(|proof| with(right.clone(), "H_AMK", proof));
    let shapeless = [without(right.clone(), "H_AMK"), "{}".into(), "[]".into(), "null".into()];
    // Of two keys with the same name, the last one counts.
    let twice = right.to_string().replace('}', r#","H_AMK":"AAAA"}"#);
    for line in wrong.chain(shapeless).chain([twice]) {
        let mut client = proving().0;
        client.hear_line(&line);
        assert_failed(&mut client, &LoginFailure::ServerNotAuthenticated, &line);
    }
    // `session_key` is unused, so its value is not checked.
    let mut client = proving().0;
    client.hear_line(&without(right, "session_key"));
    assert!(client.is_in());
}

#[test]
fn login_times_out_at_the_deadline() {
    for begun in [&b""[..], b"{", b"{\"user_id\":\"", b"HTTP/1.1"] {
        for (when, mut client) in waiting() {
            client.hear(begun);
            client.pass(Client::TIMEOUT - MILLISECOND);
            assert!(client.failure().is_none(), "{when}");
            client.pass(MILLISECOND);
            assert_failed(&mut client, &LoginFailure::TimedOut, when);
        }
    }
    // The timeout covers the whole login: an answer does not restart it.
    let mut client = greeting();
    client.pass(Client::TIMEOUT - MILLISECOND);
    client.hear_line(&ScriptedServer::new().challenge().to_string());
    assert_eq!(client.lines().len(), 1);
    client.pass(MILLISECOND);
    assert_failed(&mut client, &LoginFailure::TimedOut, "line 4");
}

#[test]
fn eof_during_login_is_classified() {
    for (said, expected) in [
        (&b""[..], &LoginFailure::Closed),
        (b"{\"user_id\":\"c9bf", &LoginFailure::Closed),
        (b"{\"err", &LoginFailure::Closed),
        (b"HTTP/1.1 400 Bad", &HTTP),
        (b"hello\n", &NO_SERVER),
    ] {
        for (when, mut client) in waiting() {
            client.hear(said);
            client.end();
            let what = format!("{when}: {}", String::from_utf8_lossy(said));
            assert_failed(&mut client, in_place_of(when, expected), &what);
        }
    }
}

/// As in Python, the end of the stream ends a line.
#[test]
fn login_accepts_an_unterminated_last_line() {
    for (when, mut client) in waiting() {
        client.hear(br#"{"error": "Room full"}"#);
        client.end();
        let known = Some(WireError::RoomFull);
        let text = Untrusted::new("Room full".to_owned());
        assert_failed(&mut client, &LoginFailure::Rejected { known, text }, when);
    }
    let (mut client, line_4) = proving();
    client.hear(line_4.to_string().as_bytes());
    client.end();
    assert!(client.is_in());
}

/// A server that does not wait for line 3 cannot know its contents.
#[test]
fn early_line_4_is_checked_immediately() {
    let refusal = json!({ "error": "Try again later" }).to_string();
    let known = Some(WireError::TryAgainLater);
    let refused =
        LoginFailure::Rejected { known, text: Untrusted::new("Try again later".to_owned()) };
    let guess = json!({ "H_AMK": base64(&[0; 32]) }).to_string();
    for (line_4, expected) in [(guess, LoginFailure::ServerNotAuthenticated), (refusal, refused)] {
        let mut client = greeting();
        let line_2 = ScriptedServer::new().challenge().to_string();
        client.hear(format!("{line_2}\n{line_4}\n").as_bytes());
        assert_eq!(client.lines().len(), 1, "line 3");
        assert_failed(&mut client, &expected, &line_4);
    }
}
