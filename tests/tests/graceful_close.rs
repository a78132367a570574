//! Graceful close: a client receives all earlier messages in whole lines when it leaves or
//! the server stops, however slowly it reads.

use cmdchat_core::server::Limits;
use cmdchat_tests::{Client, TestServer};

/// Returns a server with alice and bob. Bob has read only half a line after alice has sent
/// three messages in a row.
fn server_with_lagging_bob() -> (TestServer, usize, usize) {
    let mut house = TestServer::new(&Limits::default());
    let alice = house.admit(&mut Client::new("alice"));
    let bob = house.admit(&mut Client::new("bob"));
    assert_eq!(house.lines(bob), [""; 0]);
    house.set_window(bob, Some(10));
    for text in ["one", "two", "three"] {
        house.hear_line(alice, &format!(r#"{{"type":"message","text":"{text}"}}"#));
    }
    (house, alice, bob)
}

/// Returns which of the three messages `connection` reads in the end.
fn said(house: &mut TestServer, connection: usize) -> Vec<&'static str> {
    house.set_window(connection, None);
    let lines = house.lines(connection);
    let said = lines.iter().filter(|line| line.contains(r#""type":"message""#));
    let texts = ["one", "two", "three", "four"];
    said.filter_map(|line| texts.into_iter().find(|text| line.contains(&format!("\"{text}\""))))
        .collect()
}

#[test]
fn half_closed_member_receives_its_backlog() {
    let (mut house, alice, bob) = server_with_lagging_bob();
    house.end(bob);
    house.hear_line(alice, r#"{"type":"message","text":"four"}"#);
    assert_eq!(said(&mut house, bob), ["one", "two", "three"]);
}

#[test]
fn last_member_leaving_receives_its_backlog() {
    let (mut house, alice, bob) = server_with_lagging_bob();
    house.end(alice);
    house.end(bob);
    assert_eq!(said(&mut house, bob), ["one", "two", "three"]);
}

#[test]
fn stopping_server_delivers_the_backlog() {
    let (mut house, _, bob) = server_with_lagging_bob();
    house.close();
    assert_eq!(said(&mut house, bob), ["one", "two", "three"]);
}
