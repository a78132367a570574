//! Tests of the full screen when its terminal or its process changes from outside: stop
//! and continue, resize, a terminal that vanishes, takes no output or has no size.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{
    fs,
    io::{Read as _, Write as _},
    process::Child,
};

use common::{
    Process, RUNTIMES, Room, poll_until,
    pty::PtyProcess,
    screen::{SIZE, is_sane, rows, sit_down, terminal, wait_for, wait_for_draft, wait_for_row},
    session::{become_a_shell, cmdchat_apart},
};
use rustix::process::{Pid, Signal, kill_process};

/// Starts a client as a job of a shell, with the shell function `entry`.
fn start_in_shell(room: &Room, entry: &str) -> PtyProcess {
    let port = room.port.to_string();
    let connect = ["connect", "127.0.0.1", &port, "alice", "--password-file", &room.key];
    let alice = PtyProcess::take_alone(&mut cmdchat_apart(entry, &connect));
    wait_for_row(&alice, "you are in (");
    alice
}

/// Continues the job, waits until the screen is complete, and leaves.
fn continue_and_leave(mut alice: PtyProcess, size: (u16, u16)) {
    let seen = alice.screen.bytes().len();
    alice.types("\n");
    alice.screen.wait_until("the screen", |text| {
        let rows = rows(&terminal(&text.as_bytes()[seen..], size));
        rows.last().map(String::as_str) == Some("> half")
            && rows.iter().any(|row| row.contains("you are in ("))
    });
    assert!(!alice.is_as_before(), "the terminal would echo what is typed");
    alice.types("\u{3}/quit\r");
    alice.screen.wait_for("ENDED 0");
    let (code, written) = alice.ends();
    assert_eq!(code, Some(0));
    if size == SIZE {
        is_sane(&written);
    }
}

/// Ctrl+Z stops the whole job, also if a script started the program.
#[test]
fn suspend_key_returns_the_terminal_to_the_shell() {
    for entry in ["reexec_in_shell", "reexec_in_script"] {
        let room = Room::open(&[]);
        let mut alice = start_in_shell(&room, entry);
        alice.types("half");
        wait_for_draft(&alice, SIZE, "half", 4);
        alice.types("\u{1A}");
        alice.screen.wait_for("STOPPED");
        assert!(alice.is_as_before());
        is_sane(&alice.screen.text());
        continue_and_leave(alice, SIZE);
    }
}

#[test]
fn stop_signals_restore_the_screen_when_continued() {
    for signal in [Signal::TSTP, Signal::STOP] {
        let room = Room::open(&[]);
        let mut alice = start_in_shell(&room, "reexec_in_shell");
        alice.types("half");
        wait_for_draft(&alice, SIZE, "half", 4);
        kill_process(alice.only_child(), signal).unwrap();
        alice.screen.wait_for("STOPPED");
        if signal == Signal::TSTP {
            assert!(alice.is_as_before());
            is_sane(&alice.screen.text());
        } else {
            // The process could not do it. Shells do.
            alice.resets_modes();
        }
        continue_and_leave(alice, SIZE);
    }
}

#[test]
fn resize_while_stopped_is_noticed() {
    let room = Room::open(&["--rate", "0"]);
    let mut alice = start_in_shell(&room, "reexec_in_shell");
    let talker = Process::start_talking(&mut room.connect("talker", &[]));
    let lines: Vec<_> = (0..200).map(|number| format!("line {number:03}")).collect();
    talker.ends_after(lines.join("\n")).is_success();
    wait_for_row(&alice, "talker left");
    alice.types("\u{1A}");
    alice.screen.wait_for("STOPPED");
    alice.resizes_silently(100, 50);
    let seen = alice.screen.bytes().len();
    alice.types("\n");
    let large = |alice: &PtyProcess, part: &str| {
        alice.screen.wait_until(part, |text| {
            rows(&terminal(&text.as_bytes()[seen..], (100, 50)))
                .iter()
                .any(|row| row.contains(part))
        })
    };
    large(&alice, "talker left");
    alice.types("\u{1B}[5~");
    // A page of the new size further up, the screen is full.
    let shown = large(&alice, "line 112");
    let rows = rows(&terminal(&shown.as_bytes()[seen..], (100, 50)));
    assert!(rows[46].contains("line"), "{rows:?}");
    alice.types("/quit\r");
    assert_eq!(alice.ends().0, Some(0));
}

#[test]
#[ignore = "a part of another test"]
fn reexec_in_shell() {
    become_a_shell("\"$0\" \"$@\"; echo STOPPED; read -r _; fg >/dev/null; echo ENDED $?");
}

#[test]
#[ignore = "a part of another test"]
fn reexec_in_script() {
    let script = "sh -c '\"$0\" \"$@\"; exit $?' \"$0\" \"$@\"";
    become_a_shell(&format!("{script}; echo STOPPED; read -r _; fg >/dev/null; echo ENDED $?"));
}

/// Reads from an unread terminal until `part` appears.
fn read_until(terminal: &mut fs::File, part: &str) {
    let mut text = String::new();
    while !text.contains(part) {
        let mut bytes = [0; 4096];
        let length = terminal.read(&mut bytes).unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
}

/// Waits for the end of the process and returns its exit code.
fn end_of(child: &mut Child) -> Option<i32> {
    let mut status = None;
    poll_until("the end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code()
}

/// Not every terminal sends SIGHUP when it is closed.
#[test]
fn client_leaves_when_its_terminal_vanishes() {
    for args in [&[][..], &["--plain"]] {
        for runtime in RUNTIMES {
            let room = Room::open(&[]);
            let bob = room.guest("bob");
            let args = [args, &["--runtime", runtime]].concat();
            let (mut alice, mut terminal) =
                PtyProcess::take_unread(&mut room.connect("alice", &args));
            read_until(&mut terminal, "you are in (");
            drop(terminal);
            assert_eq!(end_of(&mut alice), Some(0));
            bob.out.wait_for("alice left");
        }
    }
}

/// Returns how often the main thread of a process has waited.
fn waits(child: &Child) -> String {
    let id = child.id();
    let status = fs::read_to_string(format!("/proc/{id}/task/{id}/status")).unwrap();
    status.lines().find(|line| line.starts_with("voluntary")).unwrap().to_owned()
}

#[test]
fn second_signal_ends_client_whose_output_is_blocked() {
    let room = Room::open(&[]);
    let (mut alice, mut terminal) = PtyProcess::take_unread(&mut room.connect("alice", &[]));
    read_until(&mut terminal, "you are in (");
    let (mut before, mut equal) = (String::new(), 0);
    poll_until("blocked output", || {
        terminal.write_all(b"\x0C").unwrap();
        let now = waits(&alice);
        equal = if now == before { equal + 1 } else { 0 };
        before = now;
        equal > 30
    });
    let id = Pid::from_child(&alice);
    for _ in 0..2 {
        kill_process(id, Signal::TERM).unwrap();
        poll_until("the signal", || {
            let status = fs::read_to_string(format!("/proc/{}/status", alice.id())).unwrap();
            status.lines().any(|line| line == "ShdPnd:\t0000000000000000")
        });
    }
    assert_eq!(end_of(&mut alice), Some(130));
}

#[test]
fn terminal_without_size_counts_as_80x24() {
    for (columns, rows) in [(0, 0), (80, 0)] {
        let room = Room::open(&[]);
        let mut alice = PtyProcess::take_sized(&mut room.connect("alice", &[]), columns, rows);
        wait_for_row(&alice, "you are in (");
        alice.types("hello\r");
        wait_for_row(&alice, "   alice  hello");
        wait_for_draft(&alice, SIZE, "", 0);
        alice.resizes(40, 10);
        wait_for_draft(&alice, (40, 10), "", 0);
        alice.types("\u{3}\u{3}");
        assert_eq!(alice.leaves().0, Some(0));
    }
}

/// A terminal may draw each code point of a cluster apart, as `vt100` does.
#[test]
fn clusters_leave_nothing_on_other_screens() {
    let room = Room::open(&[]);
    let mut bob = room.guest("bob");
    let mut alice = sit_down(&room, "alice", &[]);
    bob.types("flags 🇩🇪🇫🇷 family 👨‍👩‍👧‍👦 thumb 👍🏽\n");
    wait_for_row(&alice, "flags");
    for number in 0..30 {
        bob.types(format!("dot {number}\n"));
        wait_for_row(&alice, &format!("dot {number}"));
    }
    let has_pieces = |terminal: &vt100::Parser| {
        rows(terminal).iter().any(|row| row.contains(|point| !matches!(point, ' '..='~' | '─')))
    };
    wait_for(&alice, SIZE, "clean rows", |terminal| !has_pieces(terminal));
    bob.types("👨‍👩‍👧‍👦\n");
    wait_for_row(&alice, "bob    👨");
    alice.types("\u{1C}");
    wait_for_row(&alice, "locked");
    wait_for(&alice, SIZE, "a blank screen", |terminal| !has_pieces(terminal));
    let (code, _) = {
        alice.signal(Signal::TERM);
        alice.leaves()
    };
    assert_eq!(code, Some(0));
}
