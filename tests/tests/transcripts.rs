//! Snapshots of whole conversations on the simulator, as each participant saw them: `>` is
//! a line a client wrote, `<` a line it read, `*` an event.
//!
//! Each script runs with whole lines, single bytes and random chunks; `check` asserts that
//! the transcripts are identical.

use std::time::Duration;

use cmdchat_core::{
    room_kind::RoomKind,
    server::{Limits, Rate},
};
use cmdchat_drivers::runtime::sim::{DirectionConfig, LinkConfig};
use cmdchat_tests::{Chunking, Harness, PASSWORD, check};

const UNLIMITED: Rate = Rate { burst: 1_000_000, interval: Duration::from_nanos(1) };

fn play(script: impl AsyncFn(&Harness)) -> String {
    check(&Limits::default(), script)
}

#[test]
fn two_members_exchange_messages() {
    insta::assert_snapshot!(play(async |stage| {
        let alice = stage.join("alice").await;
        stage.pause(100).await;
        alice.say("hello?").await;
        stage.pause(100).await;
        let bob = stage.join("bob").await;
        stage.pause(100).await;
        bob.say("привет, 漢字 😀").await;
        stage.pause(100).await;
        alice.say("markup [/nope] and a [b]tag").await;
        stage.pause(100).await;
        bob.leave().await;
        stage.pause(100).await;
        alice.finish().await;
        stage.pause(100).await;
    }));
}

#[test]
fn history_is_replayed_until_cleared() {
    insta::assert_snapshot!(play(async |stage| {
        let alice = stage.join("alice").await;
        alice.say("one").await;
        stage.pause(10).await;
        alice.say("two").await;
        stage.pause(10).await;
        let bob = stage.join("bob").await;
        stage.pause(10).await;
        bob.clear().await;
        stage.pause(10).await;
        stage.remark("a second clear within ten seconds is ignored");
        alice.say("three").await;
        stage.pause(10).await;
        bob.clear().await;
        stage.pause(10).await;
        let _carol = stage.join("carol").await;
        stage.pause(100).await;
    }));
}

#[test]
fn wrong_passphrase_is_rejected_without_side_effects() {
    insta::assert_snapshot!(play(async |stage| {
        let alice = stage.join("alice").await;
        stage.pause(10).await;
        assert!(stage.try_join("eve", "wrong", stage.link()).await.is_err());
        alice.say("still here").await;
        stage.pause(2_000).await;
    }));
}

#[test]
fn every_error_line_is_delivered() {
    insta::assert_snapshot!(play(async |stage| {
        let _alice = stage.join("alice").await;
        let good_a = "AgICAg==";
        for line in [
            "hello".to_owned(),
            String::new(),
            "[]".to_owned(),
            r#"{"cmd":"hello"}"#.to_owned(),
            "{}".to_owned(),
            r#"{"cmd":"srp_init","username":"eve"}"#.to_owned(),
            r#"{"cmd":"srp_init","username":"eve","A":""}"#.to_owned(),
            format!(r#"{{"cmd":"srp_init","username":"alice","A":"{good_a}"}}"#),
            format!(r#"{{"cmd":"srp_init","username":"Alice","A":"{good_a}"}}"#),
            format!(r#"{{"cmd":"srp_init","username":"[b]","A":"{good_a}"}}"#),
            format!(r#"{{"cmd":"srp_init","username":5,"A":"{good_a}"}}"#),
            r#"{"cmd":"srp_init","username":"eve","A":"AA=="}"#.to_owned(),
            r#"{"cmd":"srp_init","username":"eve","A":5}"#.to_owned(),
        ] {
            stage.pause(1_000).await;
            let mut eve = stage.raw("eve", stage.link());
            eve.listen();
            eve.line(&line).await;
            stage.pause(10).await;
            eve.finish();
        }
        for line in [
            "garbage",
            "[]",
            r#"{"cmd":"srp_init"}"#,
            r#"{"cmd":"srp_verify"}"#,
            r#"{"cmd":"srp_verify","user_id":"00000000-0000-4000-8000-000000000000","M":"AAAA"}"#,
        ] {
            stage.pause(2_000).await;
            let mut eve = stage.raw("eve", stage.link());
            eve.listen();
            eve.line(&format!(r#"{{"cmd":"srp_init","username":"eve","A":"{good_a}"}}"#)).await;
            stage.pause(10).await;
            eve.line(line).await;
            stage.pause(10).await;
            eve.finish();
        }
        stage.pause(1_000).await;
    }));
}

#[test]
fn idle_or_slow_logins_time_out() {
    insta::assert_snapshot!(play(async |stage| {
        let mut silent = stage.raw("silent", stage.link());
        silent.listen();
        let mut dribble = stage.raw("dribble", stage.link());
        dribble.listen();
        let mut half = stage.raw("half", stage.link());
        half.listen();
        half.line(r#"{"cmd":"srp_init","username":"half","A":"AgICAg=="}"#).await;
        for _ in 0..35 {
            dribble.send(b"{").await;
            stage.pause(1_000).await;
        }
    }));
}

#[test]
fn slow_consumer_is_dropped_at_max_backlog() {
    let limits =
        Limits { max_backlog: Some(20_000), message_rate: Some(UNLIMITED), ..Limits::default() };
    insta::assert_snapshot!(check(&limits, async |stage| {
        let alice = stage.join("alice").await;
        let small = DirectionConfig { capacity: 4_096, ..stage.link().down };
        let _deaf = stage.raw_member("deaf", LinkConfig { down: small, ..stage.link() }).await;
        for _ in 0..6 {
            stage.pause(10).await;
            alice.say(&"x".repeat(3_000)).await;
        }
        stage.pause(100).await;
        alice.finish().await;
    }));
}

#[test]
fn stalled_member_is_dropped_after_30_s() {
    insta::assert_snapshot!(play(async |stage| {
        let alice = stage.join("alice").await;
        let small = DirectionConfig { capacity: 1_024, ..stage.link().down };
        let _deaf = stage.raw_member("deaf", LinkConfig { down: small, ..stage.link() }).await;
        stage.pause(10).await;
        alice.say(&"x".repeat(3_000)).await;
        stage.pause(29_000).await;
        alice.say("still there?").await;
        stage.pause(2_000).await;
        alice.finish().await;
    }));
}

#[test]
fn first_proof_wins_a_contested_username() {
    insta::assert_snapshot!(play(async |stage| {
        // Line 3 of the first client arrives late, so both pass the check of line 1.
        let slow = DirectionConfig { latency: Duration::from_millis(50), ..stage.link().up };
        let first = stage.try_join("alice", PASSWORD, LinkConfig { up: slow, ..stage.link() });
        let second = async {
            stage.pause(55).await;
            stage.try_join("Alice", PASSWORD, stage.link()).await
        };
        let (first, second) = futures_lite::future::zip(first, second).await;
        assert!(first.is_err() && second.is_ok());
        stage.pause(1_000).await;
    }));
}

#[test]
fn cut_connections_release_all_slots() {
    let limits = Limits { max_members: Some(2), max_logins: Some(1), ..Limits::default() };
    insta::assert_snapshot!(check(&limits, async |stage| {
        let _alice = stage.join("alice").await;
        for bytes in [0, 100, 500] {
            stage.pause(100).await;
            stage.remark(&format!("the client's bytes stop after {bytes}"));
            let up = DirectionConfig { cut_after: Some(bytes), ..stage.link().up };
            assert!(
                stage.try_join("bob", PASSWORD, LinkConfig { up, ..stage.link() }).await.is_err()
            );
        }
        for bytes in [0, 200, 600] {
            stage.pause(100).await;
            stage.remark(&format!("the server's bytes stop after {bytes}"));
            let down = DirectionConfig { cut_after: Some(bytes), ..stage.link().down };
            let _ = stage.try_join("bob", PASSWORD, LinkConfig { down, ..stage.link() }).await;
        }
        stage.pause(100).await;
        stage.remark("there is still room for bob");
        let _bob = stage.join("bob").await;
        stage.pause(100).await;
    }));
}

#[test]
fn flood_is_rate_limited_without_loss() {
    let transcript = play(async |stage| {
        let alice = stage.join("alice").await;
        let mut flooder = stage.raw_member("flooder", stage.link()).await;
        flooder.listen();
        stage.pause(10).await;
        for n in 0..200 {
            flooder.line(&format!(r#"{{"type":"message","text":"n{n}"}}"#)).await;
        }
        for _ in 0..10 {
            alice.say("between").await;
            stage.pause(1_000).await;
        }
        alice.finish().await;
    });
    let heard = |line: &&str| line.contains("flooder  < ") && line.contains("\"text\":\"n");
    let numbers: Vec<_> = transcript.lines().filter(heard).collect();
    assert_eq!(numbers.len(), 200);
    for (n, line) in numbers.iter().enumerate() {
        assert!(line.contains(&format!("\"text\":\"n{n}\"")), "{n}: {line}");
    }
    let seconds = |line: &str| line.trim().split(' ').next().and_then(|at| at.parse::<f64>().ok());
    let spent = numbers.last().and_then(|line| seconds(line)).unwrap_or_default();
    assert!((7.0..7.1).contains(&spent), "60 at once, 140 at 20 a second: {spent}");
    // A message at an ordinary pace arrives within the latency of the links.
    let said = transcript.lines().filter(|line| line.contains("alice    > {\"type\":\"message\""));
    let echoed = transcript.lines().filter(|line| line.contains("alice says \"between\""));
    for (said, echoed) in said.zip(echoed) {
        let delay = seconds(echoed).unwrap_or_default() - seconds(said).unwrap_or_default();
        assert!(delay < 0.01, "{said}\n{echoed}");
    }
}

#[test]
fn non_reading_sender_is_throttled_then_dropped() {
    // The point where the server stops reading depends on the chunking, so there is one run
    // only.
    let stage = Harness::new(RoomKind::Classic, Limits::default(), Chunking::Coalesced);
    let transcript = stage.play(async |stage| {
        let alice = stage.join("alice").await;
        let small = DirectionConfig { capacity: 4_096, ..stage.link().down };
        let mut deaf = stage.raw_member("deaf", LinkConfig { down: small, ..stage.link() }).await;
        let line = format!(r#"{{"type":"message","text":"{}"}}"#, "x".repeat(4_000));
        let flood = async {
            for _ in 0..100 {
                deaf.line(&line).await;
            }
        };
        futures_lite::future::or(flood, stage.pause(60_000)).await;
        alice.finish().await;
    });
    let heard = transcript.lines().filter(|line| line.contains("alice    * deaf says")).count();
    assert!((15..40).contains(&heard), "64 KiB said and 64 KiB owed, of 4,000 bytes each: {heard}");
    let out = transcript.lines().find(|line| line.contains("deaf was dropped, too slow"));
    assert!(out.is_some_and(|line| line.trim().starts_with("30.")), "{out:?}");
}

#[test]
fn oversized_texts_are_rejected_by_the_client() {
    insta::assert_snapshot!(play(async |stage| {
        let alice = stage.join("alice").await;
        let _bob = stage.join("bob").await;
        stage.pause(10).await;
        alice.say(&"ä".repeat(5_000)).await;
        stage.pause(10).await;
        alice.say(&"x".repeat(16_384)).await;
        stage.pause(10).await;
        alice.say(&"x".repeat(16_385)).await;
        stage.pause(10).await;
        stage.remark("every `[a` grows by a zero-width space: the token would be too long");
        alice.say(&"[a".repeat(8_192)).await;
        stage.pause(10).await;
    }));
}

#[test]
fn history_fits_the_python_line_limit() {
    insta::assert_snapshot!(play(async |stage| {
        let alice = stage.join("alice").await;
        for n in 0..6 {
            alice.say(&format!("{n} {}", "x".repeat(12_000))).await;
            stage.pause(10).await;
        }
        alice.leave().await;
        stage.pause(10).await;
        let _late = stage.join("late").await;
        stage.pause(10).await;
    }));
}

#[test]
fn full_room_rejects_logins() {
    let limits =
        Limits { max_members: Some(2), max_members_per_source: Some(1), ..Limits::default() };
    insta::assert_snapshot!(check(&limits, async |stage| {
        let from = |address: &str| LinkConfig { peer: address.parse().ok(), ..stage.link() };
        let _alice = stage.try_join("alice", PASSWORD, from("192.0.2.1:1")).await;
        stage.pause(10).await;
        let _again = stage.try_join("again", PASSWORD, from("192.0.2.1:2")).await;
        stage.pause(10).await;
        let _bob = stage.try_join("bob", PASSWORD, from("192.0.2.2:1")).await;
        stage.pause(10).await;
        let _carol = stage.try_join("carol", PASSWORD, from("192.0.2.3:1")).await;
        stage.pause(10).await;
    }));
}

#[test]
fn failed_logins_ban_only_their_source() {
    insta::assert_snapshot!(play(async |stage| {
        let from = |address: &str| LinkConfig { peer: address.parse().ok(), ..stage.link() };
        for _ in 0..4 {
            let _ = stage.try_join("eve", "guess", from("192.0.2.66:1")).await;
        }
        let _alice = stage.try_join("alice", PASSWORD, from("192.0.2.67:1")).await;
        stage.pause(15_000).await;
        let _eve = stage.try_join("eve", PASSWORD, from("192.0.2.66:1")).await;
        stage.pause(10).await;
    }));
}

#[test]
fn malformed_chat_lines() {
    insta::assert_snapshot!(play(async |stage| {
        let _alice = stage.join("alice").await;
        let mut odd = stage.raw_member("odd", stage.link()).await;
        odd.listen();
        for ignored in [
            "garbage",
            "",
            "{}",
            r#"{"type":"dance"}"#,
            r#"{"type":"message","text":5}"#,
            r#"{"type":"message","text":"no token"}"#,
            r#"{"type":"message","text":"one","text":"two"}"#,
            r#"{"type":"message"}"#,
        ] {
            stage.pause(10).await;
            odd.line(ignored).await;
        }
        stage.pause(10).await;
        odd.line("[]").await;
        stage.pause(10).await;

        for fatal in [b"{\"type\":\"message\",\"text\":\"\xff\"}\n".to_vec(), vec![b'x'; 65_537]] {
            let mut odd = stage.raw_member("odd", stage.link()).await;
            odd.listen();
            stage.pause(10).await;
            odd.send(&fatal).await;
            stage.pause(10).await;
        }
    }));
}

#[test]
fn half_closed_member_receives_its_echoes() {
    insta::assert_snapshot!(play(async |stage| {
        let _alice = stage.join("alice").await;
        let mut pipe = stage.raw_member("pipe", stage.link()).await;
        pipe.listen();
        stage.pause(10).await;
        pipe.send(b"{\"type\":\"message\",\"text\":\"a\"}\n{\"type\":\"message\",\"text\":\"b\"}")
            .await;
        pipe.finish();
        stage.pause(1_000).await;
    }));
}

#[test]
fn stopping_server_flushes_the_last_messages() {
    insta::assert_snapshot!(play(async |stage| {
        let alice = stage.join("alice").await;
        let _bob = stage.join("bob").await;
        stage.pause(10).await;
        alice.say("last words").await;
        stage.pause(2).await;
        stage.stop();
        stage.pause(1_000).await;
    }));
}
