//! Plaintext links: a client notices a dead connection, and tells a normal close from a loss.

use cmdchat_core::{client::CloseReason, room_kind::RoomKind, server::Limits};
use cmdchat_tests::{Chunking, Direction, Harness, PASSWORD, Verdict};

fn play(script: impl AsyncFn(&Harness)) -> String {
    Harness::new(RoomKind::Classic, Limits::default(), Chunking::Coalesced).play(script)
}

#[test]
fn message_sent_into_a_dead_plaintext_link_is_overdue_after_ten_seconds() {
    let transcript = play(async |stage| {
        // The connection passes nothing more once alice has joined.
        let dead = |direction, index, _: &[u8]| match direction {
            Direction::Up if index >= 2 => Verdict::nothing(),
            Direction::Up | Direction::Down => Verdict::Pass,
        };
        let alice = stage.guest("alice", PASSWORD).v1_only();
        let alice = stage.try_join_through(Box::new(dead), alice).await.unwrap();
        alice.say("is anybody there?").await;
        stage.pause(9_900).await;
        stage.remark("almost ten seconds");
        stage.pause(200).await;
    });
    let (before, after) = transcript.split_once("almost ten seconds").unwrap();
    assert!(!before.contains("overdue"), "{transcript}");
    assert!(after.contains("* overdue: 0"), "{transcript}");
}

#[test]
fn plaintext_link_closed_by_the_server_ends_with_a_bye() {
    let transcript = play(async |stage| {
        let alice = stage.join("alice").await;
        stage.pause(100).await;
        stage.stop();
        assert_eq!(alice.ended().await, CloseReason::ClosedByServer);
    });
    assert!(transcript.contains(r#"< {"type":"bye"}"#), "{transcript}");
}

#[test]
fn restarting_server_asks_members_of_both_kinds_of_link_to_come_back() {
    let transcript = play(async |stage| {
        let alice = stage.join("alice").await;
        let bob = stage.join_sealed("bob").await;
        stage.pause(100).await;
        stage.restart();
        assert_eq!(alice.ended().await, CloseReason::ServerRestarts);
        assert_eq!(bob.ended().await, CloseReason::ServerRestarts);
    });
    assert!(transcript.contains(r#"< {"type":"bye","again":true}"#), "{transcript}");
}

#[test]
fn plaintext_link_that_ends_without_a_bye_is_a_loss() {
    play(async |stage| {
        // As after a crash of the server, or from a proxy that closes idle connections.
        let cut = |direction, index, _: &[u8]| match direction {
            Direction::Down if index == 4 => Verdict::Cut(0),
            Direction::Down | Direction::Up => Verdict::Pass,
        };
        let alice = stage.guest("alice", PASSWORD).v1_only();
        let alice = stage.try_join_through(Box::new(cut), alice).await.unwrap();
        alice.say("one").await;
        alice.say("two").await;
        assert_eq!(alice.ended().await, CloseReason::ConnectionLost);
    });
}
