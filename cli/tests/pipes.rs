//! Tests of `connect` in a pipeline: every line becomes a message, every loss is
//! reported, and the exit code is reliable.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{Process, RUNTIMES, Room, poll_until, run, said_by};

/// Returns the lines of `text` without their times. Panics if a line has no valid
/// time.
fn without_times(text: &str) -> Vec<&str> {
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.lines()
        .map(|line| {
            let (time, rest) = line.split_once(' ').unwrap();
            assert!(time.len() == 8 && time.split(':').all(digits), "{line:?}");
            rest
        })
        .collect()
}

#[test]
fn piped_conversation_on_both_runtimes() {
    for (serve, connect) in
        RUNTIMES.iter().flat_map(|serve| RUNTIMES.iter().map(move |connect| (serve, connect)))
    {
        let room = Room::open(&["--runtime", serve]);
        let bob = room.guest_with("bob", &["--runtime", connect]);
        let mut alice = room.connect("alice", &["--runtime", connect]);
        // An empty line is not sent, and the last line needs no line feed.
        let alice = Process::start_talking(&mut alice).ends_after("a\n\nb \u{e9}\r\n// c");
        alice.is_success();
        let sent = ["<alice> a", "<alice> b \u{e9}", "<alice> // c"];
        assert_eq!(
            without_times(&alice.out),
            [&["-- you are in (classic, sealed). 2 online: bob alice"], &sent[..]].concat()
        );

        bob.out.wait_for("alice left");
        let bob = bob.ends();
        bob.is_success();
        let mut seen = vec!["-- you are in (classic, sealed). 1 online: bob"];
        seen.push("-- alice joined (2 online)");
        seen.extend(sent);
        seen.push("-- alice left (1 online)");
        assert_eq!(without_times(&bob.out), seen);

        let console = room.serve.err.wait_until("leaving", |text| text.contains("bob left"));
        let console = console.split_once('\n').unwrap().1;
        assert_eq!(
            without_times(console),
            [
                "-- bob joined (1 online)",
                "-- alice joined (2 online)",
                "-- alice left (1 online)",
                "-- bob left (0 online)",
            ]
        );
    }
}

#[test]
fn end_of_input_waits_for_the_echoes() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let (relay, mut alice) = room.guest_behind_relay("alice", &["--runtime", runtime]);
        relay.hold();
        let before = relay.lines();
        alice.types("a\nb\n");
        alice.end_input();
        poll_until("both lines", || relay.lines() == before + 2);
        assert!(alice.is_running());
        assert_eq!(said_by(&alice.out.text(), "alice"), [""; 0]);
        relay.release();
        let alice = alice.ends();
        alice.is_success();
        assert_eq!(alice.said_by("alice"), ["a", "b"]);
    }
}

#[test]
fn missing_echoes_are_reported_as_undelivered() {
    for (text, words) in [
        ("a\n", "error: 1 message was not delivered within 300 ms"),
        ("a\nb\n", "error: 2 messages were not delivered within 300 ms"),
    ] {
        let room = Room::open(&[]);
        let (relay, alice) = room.guest_behind_relay("alice", &["--timeout", "300ms"]);
        relay.hold();
        alice.ends_after(text).says(5, words);
    }
}

#[test]
fn oversized_lines_are_skipped_with_a_warning() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let (most, more) = ("x".repeat(16_384), "y".repeat(16_385));
    // Escaping this line, so that Python clients read no markup, makes it too long.
    let swells = "[a".repeat(8_192);
    let endless = "z".repeat(1 << 20);
    let alice = Process::start_talking(&mut room.connect("alice", &[]));
    let alice = alice.ends_after(format!("a\n{more}\nb\n{swells}\n{most}\n{endless}\nc"));
    let warning = "warning: not sent: too long (16 KiB at most)\n";
    alice.says(
        2,
        &format!(
            "{}error: 3 lines were too long and not sent\nhint: a message takes 16 KiB at most",
            warning.repeat(3)
        ),
    );
    assert_eq!(alice.said_by("alice"), ["a", "b", &most, "c"]);
    bob.out.wait_for("alice left");
    assert_eq!(bob.ends().said_by("alice"), ["a", "b", &most, "c"]);
}

#[test]
fn two_hundred_lines_arrive_in_order() {
    // Three times the burst that a member may send.
    let lines: Vec<String> = (0..200).map(|number| format!("line {number}")).collect();
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let alice = Process::start_talking(&mut room.connect("alice", &[]));
    let alice = alice.ends_after(lines.join("\n"));
    alice.is_success();
    assert_eq!(alice.said_by("alice"), lines);
    bob.out.wait_for("alice left");
    assert_eq!(bob.ends().said_by("alice"), lines);
}

#[test]
fn invalid_utf8_in_pipe_is_replaced() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let alice = Process::start_talking(&mut room.connect("alice", &[]));
    alice.ends_after(b"\xFF\xFEok \xC3\n\xE2\x82\n").is_success();
    bob.out.wait_for("alice left");
    assert_eq!(bob.ends().said_by("alice"), ["\u{FFFD}\u{FFFD}ok \u{FFFD}", "\u{FFFD}"]);
}

/// If its reader closes the pipe, the client leaves without an error message.
#[cfg(unix)]
#[test]
fn closed_stdout_ends_the_client() {
    use common::shell;

    for input in ["", "a\n", &"many\n".repeat(50)] {
        let room = Room::open(&[]);
        let port = room.port.to_string();
        let connect = "{ \"$0\" connect 127.0.0.1 $1 alice --password-file \"$2\" --timeout 1s; \
                       echo \"code $?\" >&2; } | head -n 1";
        let mut bob = room.guest("bob");
        let mut pipeline = Process::start_talking(&mut shell(connect, &[&port, &room.key]));
        pipeline.types(input);
        pipeline.out.wait_for("online");
        // Alice notices the closed pipe only when a message arrives.
        poll_until("the end", || {
            bob.types("hello?\n");
            pipeline.err.text().contains("code ")
        });
        let pipeline = pipeline.ends();
        pipeline.says(0, "code 0");
        assert_eq!(pipeline.out.lines().count(), 1);
        bob.out.wait_for("alice left");
    }
}

#[test]
fn new_members_receive_the_history() {
    for (kept, shown) in [("1000", &["a", "b", "c"][..]), ("2", &["b", "c"]), ("0", &[])] {
        let room = Room::open(&["--history", kept]);
        let alice = Process::start_talking(&mut room.connect("alice", &[]));
        alice.ends_after("a\nb\nc\n").is_success();
        room.serve.err.wait_for("alice left (0 online)");
        for (number, runtime) in RUNTIMES.iter().enumerate() {
            // The input ends before anything arrives from the server.
            let bob = run(&mut room.connect("bob", &["--runtime", runtime]));
            bob.is_success();
            let mut seen: Vec<_> = shown.iter().map(|text| format!("<alice> {text}")).collect();
            seen.push("-- you are in (classic, sealed). 1 online: bob".into());
            assert_eq!(without_times(&bob.out), seen);
            let left = |text: &str| text.matches("bob left").count() == number + 1;
            room.serve.err.wait_until("bob leaving", left);
        }
    }
}

#[cfg(unix)]
#[test]
fn quiet_server_prints_only_its_address() {
    let room = Room::open(&["--quiet"]);
    run(&mut room.connect("alice", &[])).is_success();
    room.serve.signal(rustix::process::Signal::TERM);
    let serve = room.serve.ends();
    serve.says(0, &format!("listening on 127.0.0.1:{} (classic room)", room.port));
}
