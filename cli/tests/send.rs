//! Tests of `cmdchat send`: it exits with 0 only if the server has delivered the
//! message.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::process::Command;

use common::{PASSWORD, Process, RUNTIMES, Room, cmdchat, poll_until, proxy::Proxy, run};

/// Returns the `cmdchat send` command to `port` as `name`, with the passphrase of
/// `room`.
fn send(room: &Room, port: u16, name: &str, args: &[&str]) -> Command {
    let port = port.to_string();
    cmdchat(&[&["send", "127.0.0.1", &port, name, "--password-file", &room.key], args].concat())
}

#[test]
fn send_delivers_argument_or_stdin_text() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let bob = room.guest("bob");
        let send = |name: &str, args: &[&str]| {
            let args = [&["--runtime", runtime], args].concat();
            Process::start_talking(&mut send(&room, room.port, name, &args))
        };
        let ended = send("one", &["build done"]).ends();
        ended.is_success();
        assert_eq!(ended.out, "");
        send("two", &["-"]).ends_after("a\nb\r\n").is_success();
        send("three", &[]).ends_after("\u{e9}").is_success();
        bob.out.wait_for("three left");
        let bob = bob.ends();
        assert_eq!(bob.said_by("one"), ["build done"]);
        assert_eq!(bob.said_by("two"), ["a"]);
        assert!(bob.out.contains(" | b\n"), "{}", bob.out);
        assert_eq!(bob.said_by("three"), ["\u{e9}"]);
    }
}

#[test]
fn send_reads_password_before_text_from_stdin() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let port = room.port.to_string();
    let mut ci = cmdchat(&["send", "127.0.0.1", &port, "ci", "--password-stdin"]);
    Process::start_talking(&mut ci).ends_after(format!("{PASSWORD}\nhello\n")).is_success();
    bob.out.wait_for("<ci> hello");
}

#[test]
fn send_waits_for_the_echo() {
    let room = Room::open(&[]);
    let relay = Proxy::to(room.port);
    relay.hold_after(2);
    let mut ci = Process::start(&mut send(&room, relay.port, "ci", &["hello"]));
    poll_until("the message", || relay.lines() == 3);
    assert!(ci.is_running());
    relay.release();
    ci.ends().is_success();
}

#[test]
fn send_fails_when_undelivered() {
    let room = Room::open(&[]);
    let relay = Proxy::to(room.port);
    relay.hold_after(2);
    run(&mut send(&room, relay.port, "late", &["hello", "--timeout", "300ms"]))
        .says(5, "error: 1 message was not delivered within 300 ms");

    let too_long = "error: not sent: too long (16 KiB at most)";
    run(&mut send(&room, room.port, "long", &[&"x".repeat(16_385)])).says(2, too_long);
    // Escaping this text, so that Python clients read no markup, makes it too long.
    run(&mut send(&room, room.port, "longer", &[&"[a".repeat(8_192)])).says(2, too_long);
    let mut endless = send(&room, room.port, "none", &[]);
    Process::start_talking(&mut endless).ends_after("z".repeat(1 << 20)).says(2, too_long);
    run(&mut send(&room, room.port, "none", &[]))
        .says(2, "error: nothing to send\nhint: give the text as an argument or on standard input");

    let _ci = room.guest("ci");
    run(&mut send(&room, room.port, "ci", &["hello"]))
        .says(7, "error: someone called \"ci\" is already in the room\nhint: choose another name");
}
