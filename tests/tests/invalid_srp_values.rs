//! Invalid values of `A` from a client: the server answers with the exact error of PROTOCOL
//! 1.7, and no other member notices.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cmdchat_core::server::Limits;
use cmdchat_tests::{Client, TestServer, vectors};
use serde_json::{Value, json};

fn hello(a: Value) -> String {
    json!({"cmd": "srp_init", "username": "eve", "A": a}).to_string()
}

fn base64(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

/// Returns N of the group, big-endian.
fn modulus() -> Vec<u8> {
    let file = vectors("srp_rfc5054_2048_sha256.json");
    let n = hex::decode(file["N"].as_str().expect("a text")).expect("hex");
    assert_eq!((n.len(), n[255]), (256, 0x73));
    n
}

/// Returns N with a different last byte.
fn near(last: u8) -> Vec<u8> {
    [&modulus()[..255], &[last]].concat()
}

fn twice(number: &[u8]) -> Vec<u8> {
    let mut low_first = Vec::new();
    let mut carry = 0;
    for byte in number.iter().rev() {
        let doubled = u16::from(*byte) * 2 + carry;
        low_first.push(doubled as u8);
        carry = doubled >> 8;
    }
    low_first.push(carry as u8);
    low_first.into_iter().rev().collect()
}

/// Asserts that an honest login still succeeds, and returns the server after it.
#[track_caller]
fn assert_open_to_others(house: &mut TestServer) {
    let mut alice = Client::new("alice");
    let number = house.admit(&mut alice);
    assert!(alice.is_in());
    house.end(number);
    assert!(house.has_hung_up(number));
}

#[track_caller]
fn assert_refused(house: &mut TestServer, number: usize, error: &str, what: &str) {
    assert_eq!(house.lines(number), [json!({ "error": error }).to_string()], "{what}");
    assert!(house.has_hung_up(number), "{what}");
}

#[test]
fn invalid_a_is_rejected_at_once() {
    let (init_failed, missing) = ("SRP init failed", "Missing A");
    let n = modulus();
    let double = twice(&n);
    assert_eq!(double.len(), 257);
    let cases: Vec<(&str, Value, &str)> = vec![
        ("empty", "".into(), missing),
        ("null", Value::Null, missing),
        ("false", false.into(), missing),
        ("number 0", 0.into(), missing),
        ("number -0.0", (-0.0).into(), missing),
        ("empty list", json!([]), missing),
        ("empty object", json!({}), missing),
        ("number 5", 5.into(), init_failed),
        ("true", true.into(), init_failed),
        ("list", json!([base64(&[5])]), init_failed),
        ("object", json!({"A": "Ag=="}), init_failed),
        ("not base64", "abc".into(), init_failed),
        ("one character", "a".into(), init_failed),
        ("base64 without its padding", "Ag".into(), init_failed),
        ("base64 with bits left over", "Ah==".into(), init_failed),
        ("base64 of the other alphabet", "-_-_".into(), init_failed),
        ("base64 with a line feed", "AgIC\nAgIC".into(), init_failed),
        ("padding alone", "====".into(), init_failed),
        ("not ASCII", "é".into(), init_failed),
        ("0", base64(&[0]), init_failed),
        ("0 in 256 bytes", base64(&[0; 256]), init_failed),
        ("0 in 257 bytes", base64(&[0; 257]), init_failed),
        ("1", base64(&[1]), init_failed),
        ("1 in 256 bytes", base64(&[vec![0; 255], vec![1]].concat()), init_failed),
        ("N - 1", base64(&near(0x72)), init_failed),
        ("N", base64(&n), init_failed),
        ("N in 300 bytes", base64(&[vec![0; 44], n.clone()].concat()), init_failed),
        ("N + 5", base64(&near(0x78)), init_failed),
        ("2 N", base64(&double), init_failed),
        ("2^2048 - 1", base64(&[0xff; 256]), init_failed),
        ("257 bytes", base64(&[1; 257]), init_failed),
        ("as long as a line may be", base64(&vec![0xff; 6_000]), init_failed),
    ];
    let mut house = TestServer::new(&Limits::default());
    for (what, a, error) in cases {
        let number = house.open();
        house.hear_line(number, &hello(a));
        assert_refused(&mut house, number, error, what);
        assert_open_to_others(&mut house);
    }
    let number = house.open();
    house.hear_line(number, r#"{"cmd":"srp_init","username":"eve"}"#);
    assert_refused(&mut house, number, missing, "no A at all");
}

/// Valid, although no honest client sends it: such a client cannot prove anything.
#[test]
fn unusual_a_is_answered_but_fails_the_proof() {
    let mut house = TestServer::new(&Limits::default());
    for (what, a) in [
        ("2", vec![2]),
        ("5 in 300 bytes", [vec![0; 299], vec![5]].concat()),
        ("255", vec![0xff]),
        ("N - 2", near(0x71)),
        ("N - 2 in 300 bytes", [vec![0; 44], near(0x71)].concat()),
    ] {
        let number = house.open();
        house.hear_line(number, &hello(base64(&a)));
        let line_2: Value = serde_json::from_str(&house.lines(number).concat()).expect("JSON");
        let proof = json!({
            "cmd": "srp_verify", "user_id": line_2["user_id"], "M": base64(&[0; 32]),
        });
        house.hear_line(number, &proof.to_string());
        assert_refused(&mut house, number, "Authentication failed", what);
        assert_open_to_others(&mut house);
    }
}

/// Leading zero bytes change neither A nor the proof made with it.
#[test]
fn zero_padded_a_is_accepted() {
    let mut house = TestServer::new(&Limits::default());
    for width in [256, 257, 300, 4_096] {
        let mut client = Client::new("alice");
        let mut line_1: Value = serde_json::from_str(&client.lines().concat()).expect("JSON");
        let a = STANDARD.decode(line_1["A"].as_str().expect("a text")).expect("base64");
        line_1["A"] = base64(&[vec![0; width - a.len()], a].concat());
        let number = house.open();
        house.hear_line(number, &line_1.to_string());
        house.lines(number).iter().for_each(|line| client.hear_line(line));
        client.lines().iter().for_each(|line| house.hear_line(number, line));
        house.lines(number).iter().for_each(|line| client.hear_line(line));
        assert!(client.is_in(), "{width} bytes");
        house.end(number);
    }
}

/// A client that does not wait for line 2 cannot compute its proof. It receives the same
/// error as a client that waited.
#[test]
fn early_line_3_is_checked_immediately() {
    let mut house = TestServer::new(&Limits::default());
    for (line_3, error) in [
        ("garbage", "Invalid JSON"),
        ("{}", "Expected srp_verify"),
        (r#"{"cmd":"srp_verify","user_id":"?","M":"AAAA"}"#, "Invalid verify request"),
    ] {
        let number = house.open();
        let line_1 = hello(base64(&[5]));
        house.hear(number, format!("{line_1}\n{line_3}\n").as_bytes());
        let lines = house.lines(number);
        assert!(lines.first().is_some_and(|line| line.contains("room_salt")), "{lines:?}");
        assert_eq!(lines.get(1), Some(&json!({ "error": error }).to_string()), "{line_3}");
        assert!(house.has_hung_up(number));
        assert_open_to_others(&mut house);
    }
}
