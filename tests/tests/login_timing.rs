//! Cost of a failed login for the server: the same computation and time for every cause, so
//! that timing reveals no more than the answer. On the simulator computation takes no time,
//! so the test counts how often the server computes. It computes at most twice: B, then the
//! expected client proof. The counts must be equal; there is no threshold.

use std::{io::IoSlice, time::Duration};

use cmdchat_core::{client::ClientConfig, room_kind::RoomKind, server::Limits, username::Username};
use cmdchat_drivers::{
    client::connect,
    runtime::sim::{DirectionConfig, LinkConfig, Sim, SimReadHalf},
    runtime::{Connection, ReadHalf as _, ReadOutcome, Runtime as _, WriteHalf as _},
};
use cmdchat_tests::{Client, PASSWORD, epoch, open, password, seed};
use serde_json::{Value, json};

/// The result of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    /// Last line of the server.
    answer: Value,
    /// Number of the server's computations.
    computed: u64,
    /// Time from line 1 to the answer.
    time: Duration,
}

/// Logs in to a room in which alice is a member, with the proof that `spoil` makes of the
/// correct one.
fn calls(guest: &dyn Fn() -> ClientConfig, spoil: impl Fn(Value) -> Value) -> Refused {
    let sim = Sim::new();
    let (server, stop) = open(&sim, RoomKind::Classic, Limits::default(), |_| {});
    let lane = DirectionConfig { latency: Duration::from_millis(20), ..DirectionConfig::default() };
    let call = || sim.connect(server, &LinkConfig::both(lane)).expect("the server listens");
    let refused = sim.run(async {
        let alice = cmdchat_core::client::Login::new(
            as_guest("alice", PASSWORD).into(),
            sim.now(),
            Duration::from_secs(60),
            &seed(7),
        );
        let _alice = connect(&sim, call(), alice).await.expect("nobody is here yet");
        let (begun, before) = (sim.now(), sim.compute_count());

        let Connection { mut reader, mut writer, .. } = call();
        let mut client = Client::of(guest());
        let mut answer = String::new();
        for _ in 0..2 {
            for line in client.lines() {
                let mut said: Value = serde_json::from_str(&line).expect("a client writes JSON");
                // The rest of the line is unchanged, because the proofs are bound to it.
                let line = match said.get_mut("M") {
                    Some(m) => {
                        *m = spoil(m.take());
                        format!("{said}\n")
                    }
                    None => format!("{line}\n"),
                };
                writer.write(&[IoSlice::new(line.as_bytes())], None).await.expect("it is read");
                answer = read_line(&mut reader).await;
                client.hear(answer.as_bytes());
            }
        }
        let mut answer: Value = serde_json::from_str(&answer).expect("a server writes JSON");
        // The proof of a refusal, different each time.
        answer.as_object_mut().and_then(|answer| answer.remove("refusal"));
        Refused {
            answer,
            computed: sim.compute_count() - before,
            time: sim.now().saturating_duration_since(begun),
        }
    });
    stop.close();
    sim.drop_tasks();
    refused.expect("a login ends")
}

fn as_guest(name: &str, word: &str) -> ClientConfig {
    ClientConfig::new(Username::new(name).expect("a proper name"), password(word), epoch())
}

async fn read_line(reader: &mut SimReadHalf) -> String {
    let (mut line, mut buffer) = (Vec::new(), [0; 1024]);
    while !line.ends_with(b"\n") {
        match reader.read(&mut buffer, None).await {
            Ok(ReadOutcome::Data(count)) => line.extend_from_slice(&buffer[..count]),
            other => panic!("the server said nothing more: {other:?}"),
        }
    }
    String::from_utf8(line).expect("a server writes UTF-8")
}

fn refused(answer: &str, computed: u64, round_trips: u32) -> Refused {
    // Opening a connection takes a round trip, counted at the server.
    let time = Duration::from_millis(40) * round_trips;
    Refused { answer: json!({ "error": answer }), computed, time }
}

/// Returns a client configuration for each protocol version.
fn over_both(name: &'static str, word: &'static str) -> [Box<dyn Fn() -> ClientConfig>; 2] {
    [Box::new(move || as_guest(name, word).v1_only()), Box::new(move || as_guest(name, word))]
}

#[test]
fn wrong_proofs_cost_equal_server_work() {
    let failed = refused("Authentication failed", 2, 2);
    let lengths = ["AA==".to_owned(), "A".repeat(40), "AAAA".repeat(11), "AAAA".repeat(1_000)];
    for guest in over_both("mallory", "another password") {
        assert_eq!(calls(&guest, |m| m), failed, "a wrong password");
    }
    for guest in over_both("mallory", PASSWORD) {
        for m in &lengths {
            assert_eq!(calls(&guest, |_| json!(m)), failed, "a proof of {} letters", m.len());
        }
    }
}

/// In protocol 2 the server looks up a username only after the password is proven, so the
/// name of a member is treated as any other.
#[test]
fn wrong_proof_for_taken_name_costs_equal_work() {
    let [_, sealed] = over_both("alice", "another password");
    assert_eq!(calls(&sealed, |m| m), refused("Authentication failed", 2, 2));
    let [open, sealed] = over_both("alice", PASSWORD);
    assert_eq!(calls(&sealed, |m| m), refused("Username taken", 2, 2));
    assert_eq!(calls(&open, |m| m), refused("Username taken", 0, 1), "as protocol 1 wants it");
}

/// A malformed proof is rejected before the computation, as the protocol requires. The
/// sender controls this itself, so it reveals nothing about the password.
#[test]
fn invalid_base64_proof_is_rejected_early() {
    for word in [PASSWORD, "another password"] {
        for guest in over_both("mallory", word) {
            for m in [json!(""), json!("A"), json!("not base64"), json!(5), Value::Null] {
                let turned_away = refused("Invalid verify request", 1, 2);
                assert_eq!(calls(&guest, |_| m.clone()), turned_away, "{m}");
            }
        }
    }
}
