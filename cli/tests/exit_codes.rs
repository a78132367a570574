//! Tests of how a session ends: the other members are notified, and the exit code
//! tells a script the reason.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{io::Read as _, net::TcpListener};

use common::{Process, RUNTIMES, Room, cmdchat, key, poll_until, said_by};
use rustix::process::Signal;

#[test]
fn signal_to_server_closes_the_room() {
    for runtime in RUNTIMES {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let room = Room::open(&["--runtime", runtime]);
            let members =
                ["alice", "bob"].map(|name| room.guest_with(name, &["--runtime", runtime]));
            room.serve.signal(signal);
            for member in members {
                member.out.wait_for(" -- the host closed the room\n");
                member.ends().is_success();
            }
            assert_eq!(room.serve.ends().code(), Some(0));
        }
    }
}

#[test]
fn signal_to_client_leaves_the_room() {
    for runtime in RUNTIMES {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let room = Room::open(&[]);
            let bob = room.guest("bob");
            let alice = room.guest_with("alice", &["--runtime", runtime]);
            alice.signal(signal);
            alice.ends_by_itself().is_success();
            bob.out.wait_for("alice left (1 online)");
        }
    }
}

#[test]
fn signal_during_login_exits_silently() {
    for runtime in RUNTIMES {
        for signal in [Signal::INT, Signal::TERM] {
            let silent = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = silent.local_addr().unwrap().port().to_string();
            let connect = ["connect", "127.0.0.1", &port, "alice", "--password-file", &key()];
            let alice = Process::start(cmdchat(&connect).args(["--runtime", runtime]));
            let (mut caller, _) = silent.accept().unwrap();
            caller.read_exact(&mut [0]).unwrap();
            alice.signal(signal);
            alice.ends_by_itself().says(130, "");
        }
    }
}

#[test]
fn killed_server_is_reported_as_lost_connection() {
    let mut room = Room::open(&[]);
    let alice = room.guest("alice");
    room.serve.kill();
    let words = format!("error: lost the connection to {}", room.address());
    alice.ends_by_itself().says(10, &words);
}

#[test]
fn exit_fails_when_room_closes_with_pending_messages() {
    let room = Room::open(&[]);
    let (relay, mut alice) = room.guest_behind_relay("alice", &[]);
    relay.hold();
    let before = relay.lines();
    alice.types("a\n");
    poll_until("the line", || relay.lines() > before);
    room.serve.signal(Signal::TERM);
    let alice = alice.ends_by_itself();
    alice.says(
        10,
        &format!(
            "error: lost the connection to 127.0.0.1:{}\nhint: 1 message was not delivered",
            relay.port
        ),
    );
    assert!(alice.out.ends_with(" -- the host closed the room\n"), "{}", alice.out);
}

/// A script must be able to distinguish a room that closed early from one that
/// received all lines.
#[test]
fn exit_fails_when_room_closes_before_pipe_is_read() {
    let room = Room::open(&["--rate", "1", "--burst", "1"]);
    let mut alice = Process::start_talking(&mut room.connect("alice", &[]));
    alice.types("many\n".repeat(500));
    alice.out.wait_for("<alice> many");
    room.serve.signal(Signal::TERM);
    let alice = alice.ends_by_itself();
    assert_eq!(alice.code(), Some(10), "{}", alice.err);
    assert!(alice.err.ends_with(" messages were not delivered\n"), "{}", alice.err);
}

#[test]
fn lost_connection_reports_undelivered_messages() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let bob = room.guest("bob");
        let (relay, mut alice) = room.guest_behind_relay("alice", &["--runtime", runtime]);
        alice.types("a\n");
        alice.out.wait_for("<alice> a");
        relay.cut_at_next_word();
        alice.types("b\n");
        let alice = alice.ends_by_itself();
        alice.says(
            10,
            &format!(
                "error: lost the connection to 127.0.0.1:{}\nhint: 1 message was not delivered",
                relay.port
            ),
        );
        assert_eq!(alice.said_by("alice"), ["a"]);
        bob.out.wait_for("alice left");
    }
}

/// The user can leave although the server accepts no more lines.
#[test]
fn signal_ends_a_stalled_pipe() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let (relay, mut alice) = room.guest_behind_relay("alice", &["--runtime", runtime]);
        relay.hold();
        let before = relay.lines();
        alice.types("many\n".repeat(500));
        poll_until("some of the lines", || relay.lines() > before + 10);
        alice.signal(Signal::TERM);
        let alice = alice.ends_by_itself();
        assert_eq!(alice.code(), Some(5));
        assert!(alice.err.ends_with(" messages were not delivered within 2 s\n"), "{}", alice.err);
    }
}

/// A piped client keeps reading while its own lines wait. Otherwise busy members
/// would fill all buffers, and the connection would deadlock.
#[test]
fn stalled_pipe_still_receives() {
    for runtime in RUNTIMES {
        let room = Room::open(&["--rate", "0"]);
        let (relay, mut alice) = room.guest_behind_relay("alice", &["--runtime", runtime]);
        relay.hold();
        let before = relay.lines();
        let lines: Vec<String> = (0..200).map(|number| format!("line {number}")).collect();
        alice.types(lines.join("\n"));
        alice.end_input();
        poll_until("some of the lines", || relay.lines() > before + 10);

        let bob = Process::start_talking(&mut room.connect("bob", &["--runtime", runtime]));
        bob.ends_after("hear me\n".repeat(1_000)).is_success();
        relay.release();
        let alice = alice.ends();
        alice.is_success();
        assert_eq!(alice.said_by("alice"), lines);
        assert_eq!(said_by(&alice.out, "bob").len(), 1_000);
    }
}
