//! The same conversation over real sockets, on every runtime and in every combination with
//! the Python peer.

use cmdchat_core::server::Limits;
use cmdchat_tests::{Kind, PASSWORD, Peer, Python, TestHost, conversation};
use serde_json::json;

const OURS: [Kind; 2] = [Kind::Smol, Kind::Blocking];
const ALL: [Kind; 3] = [Kind::Smol, Kind::Blocking, Kind::Python];

fn mixtures(servers: &[Kind], guests: &[Kind], wanted: impl Fn(Kind, [Kind; 3]) -> bool) -> usize {
    let mut played = 0;
    for &server in servers {
        for &first in guests {
            for &second in guests {
                for &third in guests {
                    if wanted(server, [first, second, third]) {
                        conversation(server, [first, second, third]);
                        played += 1;
                    }
                }
            }
        }
    }
    played
}

#[test]
fn own_peers_interoperate_on_both_runtimes() {
    assert_eq!(mixtures(&OURS, &OURS, |_, _| true), 16);
}

#[test]
fn python_clients_interoperate_with_our_server() {
    if Python::get().is_none() {
        return;
    }
    let some_python = |_, guests: [Kind; 3]| guests.contains(&Kind::Python);
    assert_eq!(mixtures(&OURS, &ALL, some_python), 38);
}

#[test]
fn all_clients_interoperate_with_python_server() {
    if Python::get().is_none() {
        return;
    }
    assert_eq!(mixtures(&[Kind::Python], &ALL, |_, _| true), 27);
}

/// Two thousand logins in total, so that values with leading zero bytes occur.
#[test]
fn pysrp_client_logs_in_a_thousand_times() {
    let Some(python) = Python::get() else { return };
    for kind in OURS {
        let host = TestHost::start(kind, Limits::default());
        let result = python.handshakes(host.port, PASSWORD, 1_000);
        println!("{kind:?}: {result}");
        assert_eq!((&result["done"], &result["failed"]), (&json!(1_000), &json!(0)), "{result}");
        assert!(result["leading_zero_B"].as_u64().is_some_and(|count| count > 0), "{result}");
    }
}

#[test]
fn our_client_logs_in_to_pysrp_a_thousand_times() {
    if Python::get().is_none() {
        return;
    }
    for kind in OURS {
        let host = TestHost::start(Kind::Python, Limits::default());
        for n in 0..1_000 {
            let mut guest = Peer::join(kind, host.port, &format!("guest-{n}"));
            guest.leave();
        }
    }
}
