//! Tests of `connect --plain` at a terminal: the draft survives incoming messages,
//! and every exit restores the terminal.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{
    PASSWORD, Process, RUNTIMES, Room, file, key,
    proxy::Proxy,
    pty::PtyProcess,
    said_by,
    session::{become_the_program, cmdchat_apart},
};
use rustix::process::Signal;

/// Returns the rows that a terminal shows after `bytes`, and the column of the
/// cursor, which is in the last row.
///
/// Understands printable characters and the sequences that plain mode may use:
/// carriage return, line feed, erase to the end of the row, cursor right, paste mode
/// on and off. Panics at any other sequence.
fn shown(bytes: &str) -> (Vec<String>, usize) {
    let (mut rows, mut row, mut column) = (Vec::new(), Vec::new(), 0_usize);
    let mut rest = bytes;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            '\r' => column = 0,
            '\n' => {
                rows.push(String::from_iter(row.drain(..)));
                assert_eq!(column, 0, "a row does not begin in the first column: {bytes:?}");
            }
            '\u{1B}' => {
                let sequence = rest.strip_prefix('[').unwrap_or_else(|| panic!("{bytes:?}"));
                let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                let (sequence, behind) = sequence.split_at(end + 1);
                rest = behind;
                match sequence {
                    "K" => row.truncate(column),
                    "?2004h" | "?2004l" => {}
                    right if right.ends_with('C') => {
                        column += right.trim_end_matches('C').parse::<usize>().unwrap();
                    }
                    other => panic!("{other:?} in {bytes:?}"),
                }
            }
            letter => {
                assert!(!letter.is_control(), "{letter:?} in {bytes:?}");
                row.resize(row.len().max(column + 1), ' ');
                row[column] = letter;
                column += 1;
            }
        }
    }
    rows.push(String::from_iter(row));
    (rows, column)
}

/// Returns the same as [`shown`] for a text that may end within a sequence.
fn shown_so_far(text: &str) -> (Vec<String>, usize) {
    let whole = |begin: usize| text[begin..].contains(|c: char| c.is_ascii_alphabetic());
    let end = text.rfind('\u{1B}').filter(|&begin| !whole(begin)).unwrap_or(text.len());
    shown(&text[..end])
}

/// Starts a client and waits until the user can type.
fn sit_down(room: &Room, name: &str, args: &[&str]) -> PtyProcess {
    let client = PtyProcess::take(&mut room.connect(name, &[&["--plain"], args].concat()));
    client.screen.wait_for(" online: ");
    client.screen.wait_until("the prompt", |text| shown_so_far(text).0.last().unwrap() == "> ");
    assert!(!client.is_as_before(), "the terminal would echo what is typed");
    client
}

/// Waits until the draft is `text` and the cursor is in its `column`, counted in
/// cells.
#[track_caller]
fn wait_for_draft(client: &PtyProcess, text: &str, column: usize) {
    let (draft, column) = (format!("> {text}"), column + 2);
    client.screen.wait_until(&draft, |text| {
        let (rows, at) = shown_so_far(text);
        rows.last() == Some(&draft) && at == column
    });
}

/// Returns the rows without the draft. Asserts that the draft is erased at the end.
fn seen(screen: &str) -> String {
    let (mut rows, column) = shown(screen);
    assert_eq!((rows.pop().as_deref(), column), (Some(""), 0), "{screen:?}");
    rows.join("\n")
}

#[test]
fn plain_draft_survives_incoming_messages() {
    for runtime in RUNTIMES {
        let room = Room::open(&["--rate", "0"]);
        let mut alice = sit_down(&room, "alice", &["--runtime", runtime]);
        let bob = room.guest("bob");
        alice.types("half a ");
        wait_for_draft(&alice, "half a ", 7);

        let lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        let talker = Process::start_talking(&mut room.connect("talker", &[]));
        talker.ends_after(lines.join("\n")).is_success();
        alice.screen.wait_for("talker left");
        wait_for_draft(&alice, "half a ", 7);
        alice.types("thought\r");
        bob.out.wait_for("<alice> half a thought\n");
        alice.screen.wait_for("<alice> half a thought");
        wait_for_draft(&alice, "", 0);

        alice.types("/quit\r");
        let (code, screen) = alice.leaves();
        assert_eq!(code, Some(0));
        let seen = seen(&screen);
        assert_eq!(said_by(&seen, "talker"), lines);
        assert_eq!(said_by(&seen, "alice"), ["half a thought"]);
        assert!(screen.contains("\u{1B}[?2004h") && screen.ends_with("\u{1B}[?2004l"));
    }
}

#[test]
fn editing_keys_work_in_plain_mode() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let mut alice = sit_down(&room, "alice", &[]);
    for (keys, draft, column) in [
        ("abx", "abx", 3),
        ("\u{7F}", "ab", 2),
        ("日\u{E9}", "ab日\u{E9}", 5),
        ("\u{8}", "ab日", 4),
        ("\u{1}", "ab日", 0),
        ("> ", "> ab日", 2),
        ("\u{1B}[C\u{1B}[D\u{5}", "> ab日", 6),
        (" two words\u{17}", "> ab日 two ", 11),
        ("\u{15}", "", 0),
        ("\u{19}", "> ab日 two words", 16),
        ("\u{3}", "", 0),
        ("one\u{1B}[200~a\rb\u{1B}[201~", "onea⏎b", 6),
    ] {
        alice.types(keys);
        wait_for_draft(&alice, draft, column);
    }
    alice.types("\r");
    bob.out.wait_for(" <alice> onea\n");
    bob.out.wait_for(" | b\n");
    alice.types("\u{4}\u{4}");
    assert_eq!(alice.leaves().0, Some(0));
    bob.out.wait_for("alice left");
}

#[test]
fn single_letter_quit_asks_for_confirmation() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let mut alice = sit_down(&room, "alice", &[]);
    alice.types("q\r");
    alice.screen.wait_for("-- press Enter again to leave, or keep typing");
    alice.types("not yet\r");
    bob.out.wait_for("<alice> not yet\n");
    alice.types("//q\r");
    bob.out.wait_for("<alice> q\n");
    alice.types("quit\r\r");
    let (code, screen) = alice.leaves();
    assert_eq!(code, Some(0));
    assert_eq!(said_by(&seen(&screen), "alice"), ["not yet", "q"]);
    bob.out.wait_for("alice left");
}

#[test]
fn mistyped_command_is_not_sent() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let mut alice = sit_down(&room, "alice", &[]);
    alice.types("/mgs bob secret\r");
    alice
        .screen
        .wait_for("-- unknown command /mgs, see /help (nothing was sent; // sends a slash)");
    alice.types("//sent\r");
    bob.out.wait_for("<alice> /sent\n");
    alice.types("/q\r");
    let (code, screen) = alice.leaves();
    assert_eq!(code, Some(0));
    seen(&screen);
    bob.out.wait_for("alice left");
    assert_eq!(bob.ends().said_by("alice"), ["/sent"]);
}

#[test]
fn last_message_is_delivered_before_quit() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let mut alice = sit_down(&room, "alice", &[]);
    alice.types("bye\r/quit\r");
    let (code, screen) = alice.leaves();
    assert_eq!(code, Some(0), "{screen:?}");
    assert_eq!(said_by(&seen(&screen), "alice"), ["bye"]);
    bob.out.wait_for("<alice> bye\n");
}

/// The server reads nothing more, and the buffers on the way to it are full.
#[test]
fn second_quit_does_not_wait_for_stalled_server() {
    let room = Room::open(&[]);
    let relay = Proxy::to(room.port);
    let mut alice = PtyProcess::take(&mut room.connect_through(&relay, "alice", &["--plain"]));
    alice.screen.wait_for(" online: ");
    relay.hold();
    alice.types(&"hello?\r".repeat(100));
    alice.types("last");
    wait_for_draft(&alice, "last", 4);
    alice.types("\u{15}/quit\r");
    wait_for_draft(&alice, "", 0);
    alice.types("/quit\r");
    let (code, screen) = alice.leaves();
    assert_eq!(code, Some(5), "{screen:?}");
    let words = "error: 100 messages were not delivered\r\n";
    assert!(screen.ends_with(words), "{screen:?}");
}

#[test]
fn oversized_draft_is_kept() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let mut alice = sit_down(&room, "alice", &[]);
    alice.types(&format!("\u{1B}[200~{}\u{1B}[201~", "x".repeat(16_385)));
    // Text that follows a paste at once belongs to it.
    wait_for_draft(&alice, &"x".repeat(76), 76);
    alice.types("\r");
    alice.screen.wait_for("-- not sent: too long (16 KiB at most)");
    alice.types("\u{7F}\r");
    bob.out.wait_for(&format!("<alice> {}\n", "x".repeat(16_384)));
    alice.types("\u{3}\u{3}");
    assert_eq!(alice.leaves().0, Some(0));
}

#[test]
fn plain_mode_restores_terminal_on_every_exit() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let room = Room::open(&[]);
        let mut alice = sit_down(&room, "alice", &[]);
        alice.types("half");
        wait_for_draft(&alice, "half", 4);
        alice.signal(signal);
        let (code, screen) = alice.leaves();
        assert_eq!(code, Some(0));
        seen(&screen);
    }

    let room = Room::open(&[]);
    let mut alice = sit_down(&room, "alice", &[]);
    alice.types("half");
    wait_for_draft(&alice, "half", 4);
    room.serve.signal(Signal::TERM);
    let (code, screen) = alice.leaves();
    assert_eq!(code, Some(0));
    assert!(seen(&screen).ends_with(" -- the host closed the room"), "{screen:?}");
}

#[test]
fn plain_output_has_no_terminal_attacks() {
    let room = Room::open(&[]);
    let mut alice = sit_down(&room, "alice", &[]);
    let eve = Process::start_talking(&mut room.connect("eve\u{378}", &[]));
    let attacks = "\u{1B}[2J\u{1B}]0;x\u{7}\n\u{9B}6n\n\u{1B}[?1049h\rx\u{8}\n\u{1B}[201~\n";
    eve.ends_after(attacks).is_success();
    alice.screen.wait_for("left");
    alice.types("\u{3}\u{3}");
    let (code, screen) = alice.leaves();
    assert_eq!(code, Some(0));
    assert!(seen(&screen).contains("<eve\u{FFFD}?> ^[[2J^[]0;x^G\n"), "{screen:?}");
}

#[test]
fn any_member_can_clear_history_unless_disabled() {
    for (option, kept) in [(&[][..], false), (&["--no-remote-wipe"], true)] {
        let room = Room::open(option);
        let mut alice = sit_down(&room, "alice", &[]);
        alice.types("secret\r");
        alice.screen.wait_for("<alice> secret");
        alice.types("/wipe\r");
        alice.screen.wait_for("-- clear the history for all (1 online)? confirm with /wipe yes");
        // The second line arrives after the history is cleared.
        alice.types("/wipe yes\rbehind\r");
        alice.screen.wait_for("<alice> behind");
        let bob = room.guest("bob");
        assert_eq!(said_by(&bob.out.text(), "alice").contains(&"secret".to_owned()), kept);
        assert_eq!(alice.screen.text().contains("-- alice cleared the history"), !kept);
        alice.types("/q\r");
        assert_eq!(alice.leaves().0, Some(0));
    }
}

/// With `TERM=dumb` the cursor cannot move, but a user types commands there.
#[test]
fn dumb_terminal_gets_plain_lines() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let mut alice = PtyProcess::take(room.connect("alice", &[]).env("TERM", "dumb"));
    alice.screen.wait_for(" online: ");
    alice.types("hello\n/dance\nq\n\n");
    bob.out.wait_for("<alice> hello\n");
    let (code, screen) = alice.leaves();
    assert_eq!(code, Some(0));
    assert!(!screen.contains('\u{1B}'), "{screen:?}");
    bob.out.wait_for("alice left");
    assert_eq!(bob.ends().said_by("alice"), ["hello"]);
}

#[test]
fn passphrase_prompt_hides_input() {
    let room = Room::open(&[]);
    let port = room.port.to_string();
    let connect = ["connect", "127.0.0.1", &port, "alice", "--plain"];
    let mut alice = PtyProcess::take_alone(&mut cmdchat_apart("reexec_in_new_session", &connect));
    alice.screen.wait_for("passphrase (Ctrl+T shows it): ");
    alice.types(&format!("x\u{7F}{PASSWORD}\r"));
    alice.screen.wait_for("you are in");
    alice.types("hello\r");
    alice.screen.wait_for("<alice> hello");
    alice.types("/quit\r");
    let (code, screen) = alice.ends();
    assert_eq!(code, Some(0));
    assert!(!screen.contains(PASSWORD) && screen.contains(&"*".repeat(PASSWORD.len())));

    let mut alice = PtyProcess::take_alone(&mut cmdchat_apart("reexec_in_new_session", &connect));
    alice.screen.wait_for("passphrase (Ctrl+T shows it): ");
    alice.types("abc\u{3}");
    assert_eq!(alice.ends().0, Some(130));
}

#[test]
fn taken_username_prompts_for_another() {
    let room = Room::open(&[]);
    let _alice = room.guest("alice");
    let (port, key) = (room.port.to_string(), key());
    let connect = ["connect", "127.0.0.1", &port, "Alice", "--plain", "--password-file", &key];
    let sit_down = || {
        let client = PtyProcess::take_alone(&mut cmdchat_apart("reexec_in_new_session", &connect));
        client.screen.wait_for("error: someone called \"Alice\" is already in the room");
        client.screen.wait_for("name: ");
        client
    };
    let mut bob = sit_down();
    bob.types("al ice\r");
    bob.screen.wait_for("error: \"al ice\" cannot be used as a name: no spaces");
    bob.types("bob\r");
    bob.screen.wait_for("you are in");
    bob.types("hello\r");
    bob.screen.wait_for("<bob> hello");
    bob.types("/quit\r");
    assert_eq!(bob.ends().0, Some(0));

    let mut carol = sit_down();
    carol.types("\u{3}");
    assert_eq!(carol.ends().0, Some(130));
}

/// If standard input is a file and output is a terminal, lines are messages, not
/// commands.
#[test]
fn piped_stdin_lines_are_not_commands() {
    let room = Room::open(&[]);
    let lines = file(b"/quit\nq\nexit\n");
    let mut alice = room.connect("alice", &[]);
    let alice = PtyProcess::take_with_input(&mut alice, std::fs::File::open(lines).unwrap());
    let (code, screen) = alice.leaves();
    assert_eq!(code, Some(0));
    assert_eq!(said_by(&screen.replace('\r', ""), "alice"), ["/quit", "q", "exit"]);
    assert!(!screen.contains('\u{1B}'), "{screen:?}");
}

#[test]
#[ignore = "a part of another test"]
fn reexec_in_new_session() {
    become_the_program();
}
