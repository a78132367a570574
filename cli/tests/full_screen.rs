//! Tests of the full-screen mode of `connect` at a pseudo-terminal: what it shows,
//! and that every exit restores the terminal.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{env, process::Command};

use cmdchat::{panic, ui::terminal::Terminal};
use common::{
    PASSWORD, Process, RUNTIMES, Room, poll_until,
    proxy::Proxy,
    pty::PtyProcess,
    screen::{SIZE, is_sane, rows, sit_down, terminal, wait_for, wait_for_draft, wait_for_row},
};
use rustix::process::Signal;

#[test]
fn full_screen_clients_exchange_messages() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let mut bob = Process::start_talking(&mut room.connect("bob", &[]));
        bob.out.wait_for(" online: ");
        let mut alice = sit_down(&room, "alice", &["--runtime", runtime]);
        alice.types("hello from the screen\r");
        bob.out.wait_for("<alice> hello from the screen\n");
        bob.types("hello to it\n");
        wait_for_row(&alice, "   bob    hello to it");
        wait_for_row(&alice, "   alice  hello from the screen");
        wait_for_row(&alice, "classic, sealed");
        wait_for_draft(&alice, SIZE, "", 0);
        alice.types("/quit\r");
        let (code, written) = alice.leaves();
        assert_eq!(code, Some(0));
        is_sane(&written);
    }
}

#[test]
fn draft_survives_traffic_with_resizes() {
    let room = Room::open(&["--rate", "0"]);
    let mut alice = sit_down(&room, "alice", &[]);
    alice.types("half a thought\u{1B}b");
    wait_for_draft(&alice, SIZE, "half a thought", 7);
    let talker = Process::start_talking(&mut room.connect("talker", &[]));
    let lines: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
    talker.ends_after(lines.join("\n")).is_success();
    wait_for_row(&alice, "talker left");
    wait_for_draft(&alice, SIZE, "half a thought", 7);
    for size in [(40, 10), (120, 50), (79, 23)] {
        let seen = alice.screen.bytes().len();
        alice.resizes(size.0, size.1);
        // The resized terminal starts empty: only bytes written after the resize count.
        poll_until("the new size", || {
            let bytes = alice.screen.bytes();
            let drawn = terminal(&bytes[seen..], size);
            rows(&drawn).last().map(String::as_str) == Some("> half a thought")
                && drawn.screen().cursor_position() == (size.1 - 1, 9)
        });
    }
    alice.types("\u{3}\u{3}\u{3}");
    assert_eq!(alice.leaves().0, Some(0));
}

#[test]
fn full_screen_restores_terminal_on_every_exit() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let room = Room::open(&[]);
        let mut alice = sit_down(&room, "alice", &[]);
        alice.types("half");
        wait_for_draft(&alice, SIZE, "half", 4);
        alice.signal(signal);
        let (code, written) = alice.leaves();
        assert_eq!(code, Some(0));
        is_sane(&written);
    }

    let room = Room::open(&[]);
    let alice = sit_down(&room, "alice", &[]);
    room.serve.signal(Signal::TERM);
    let (code, written) = alice.leaves();
    assert_eq!(code, Some(0));
    is_sane(&written);

    let room = Room::open(&[]);
    let relay = Proxy::to(room.port);
    let alone = ["--reconnect-for", "0"];
    let mut alice = PtyProcess::take(&mut room.connect_through(&relay, "alice", &alone));
    wait_for_row(&alice, "you are in (");
    relay.cut_at_next_word();
    alice.types("lost\r");
    let (code, written) = alice.leaves();
    assert_eq!(code, Some(10));
    is_sane(&written);
    assert!(written.ends_with("hint: 1 message was not delivered\r\n"), "{written:?}");
}

#[test]
fn full_screen_restores_terminal_on_panic() {
    let mut program = Command::new(env::current_exe().unwrap());
    program.args(["--ignored", "--exact", "--nocapture", "reexec_panicking_program"]);
    program.env("CMDCHAT_TEST_BUG", "1").env("TERM", "xterm").env_remove("CMDCHAT_BACKTRACE");
    let (_, written) = PtyProcess::take(&mut program).leaves();
    is_sane(&written);
    assert!(written.contains("error: cmdchat stopped because of a bug"), "{written:?}");
    assert!(!written.contains("the words of a message"), "{written:?}");
}

#[test]
#[ignore = "a part of another test"]
fn reexec_panicking_program() {
    if env::var_os("CMDCHAT_TEST_BUG").is_some() {
        panic::run(|| {
            let mut terminal = Terminal::enter(false)?;
            terminal.erase();
            panic!("the words of a message");
        });
    }
}

#[test]
fn locked_screen_is_blank_until_passphrase() {
    let room = Room::open(&[]);
    let mut bob = room.guest("bob");
    let mut alice = sit_down(&room, "alice", &[]);
    bob.types("before\n");
    wait_for_row(&alice, "bob    before");
    alice.types("half a thought\u{1C}");
    let is_blank = |terminal: &vt100::Parser| {
        let seen: Vec<_> = rows(terminal).into_iter().filter(|row| !row.is_empty()).collect();
        seen.len() == 3 && seen[0].ends_with(" locked") && seen[2] == ">"
    };
    wait_for(&alice, SIZE, "the lock", is_blank);
    bob.types("meanwhile, alice\n");
    bob.out.wait_for("meanwhile");
    alice.types("wrong\r");
    wait_for_row(&alice, "that is not the passphrase");
    wait_for(&alice, SIZE, "the lock", is_blank);
    alice.types(&format!("{PASSWORD}\r"));
    wait_for_row(&alice, "bob    meanwhile, alice");
    wait_for_draft(&alice, SIZE, "half a thought", 14);
    assert!(!alice.screen.text().contains('\u{7}'), "the terminal bell rang");

    alice.types("\u{1C}\u{1C}");
    let (code, written) = alice.leaves();
    assert_eq!(code, Some(0));
    assert!(written.ends_with("\u{1B}[H\u{1B}[2J\u{1B}[3J"), "{written:?}");
    let seen = terminal(written.as_bytes(), SIZE);
    assert!(rows(&seen).iter().all(String::is_empty), "{:?}", rows(&seen));
    assert!(!seen.screen().alternate_screen() && !seen.screen().hide_cursor());
}

#[test]
fn reconnect_keeps_draft_and_resends_pending() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let relay = Proxy::to(room.port);
    let mut alice = PtyProcess::take(&mut room.connect_through(&relay, "alice", &[]));
    wait_for_row(&alice, "you are in (");
    alice.types("before\r");
    bob.out.wait_for("<alice> before\n");
    relay.cut_at_next_word();
    alice.types("at the wrong moment\rhalf a thought");
    wait_for_row(&alice, "connection lost, ");
    wait_for_draft(&alice, SIZE, "half a thought", 14);
    relay.mend();
    wait_for_row(&alice, "1 message was sent again");
    bob.out.wait_for("<alice> at the wrong moment\n");
    wait_for_draft(&alice, SIZE, "half a thought", 14);
    alice.types("\r/quit\r");
    let (code, written) = alice.leaves();
    assert_eq!(code, Some(0));
    is_sane(&written);
    bob.out.wait_for("<alice> half a thought\n");
    assert_eq!(bob.ends().said_by("alice"), ["before", "at the wrong moment", "half a thought"]);
}

/// After a failed login that sent the proof, the server may know enough for a guess
/// at the passphrase. Only the user may retry.
#[test]
fn no_retry_when_failed_login_exposed_the_proof() {
    let room = Room::open(&[]);
    let relay = Proxy::to(room.port);
    let mut alice = PtyProcess::take(&mut room.connect_through(&relay, "alice", &[]));
    wait_for_row(&alice, "you are in (");
    relay.cut_at_next_word();
    alice.types("lost\r");
    wait_for_row(&alice, "connection lost, ");
    relay.close_after(2);
    relay.mend();
    alice.types("\r");
    let (code, written) = alice.leaves();
    assert_eq!(code, Some(8), "{written:?}");
    is_sane(&written);
}

#[test]
fn full_screen_output_has_no_terminal_attacks() {
    let room = Room::open(&[]);
    let mut alice = sit_down(&room, "alice", &[]);
    let eve = Process::start_talking(&mut room.connect("eve\u{378}", &[]));
    let attacks = "\u{1B}]0;title\u{7}\n\u{9B}6n\n\u{1B}]52;c;ZXZpbA==\u{7}\n\u{1B}[?1003h\n\u{1B}[201~\n\u{202E}abc\n";
    eve.ends_after(attacks).is_success();
    wait_for_row(&alice, "eve? left");
    wait_for_row(&alice, "^[[201~");
    alice.types("\u{3}\u{3}");
    let (code, written) = alice.leaves();
    assert_eq!(code, Some(0));
    is_sane(&written);
    for harmful in ["\u{1B}]", "\u{7}", "\u{9B}", "\u{1B}[?1003h", "\u{1B}[201~", "\u{202E}"] {
        assert!(!written.contains(harmful), "{harmful:?} in {written:?}");
    }
}
