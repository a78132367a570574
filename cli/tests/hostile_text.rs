//! Tests that hostile messages and names appear as plain text on the terminals of
//! the other members and of the server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
};

use common::{Process, Room};

/// Asserts that `text` has no control characters except line feeds, and no invisible
/// or reordering characters.
fn assert_clean(text: &str) {
    let bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(
                u32::from(c),
                0xAD | 0x34F | 0x61C | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF
            )
    };
    let found: Vec<_> = text.chars().filter(|&c| bad(c)).collect();
    assert!(found.is_empty(), "{found:?} in {text:?}");
}

const ATTACKS: [(&str, &str); 11] = [
    ("clear \u{1B}[2J\u{1B}[H", "clear ^[[2J^[[H"),
    ("title \u{1B}]0;away\u{7}", "title ^[]0;away^G"),
    ("clipboard \u{1B}]52;c;cm0gLXJm\u{1B}\\", "clipboard ^[]52;c;cm0gLXJm^[\\"),
    ("C1 \u{9B}2J\u{9D}0;x\u{9C}\u{90}", "C1 <9B>2J<9D>0;x<9C><90>"),
    ("keys \u{1B}[?2004l\u{1B}[201~", "keys ^[[?2004l^[[201~"),
    ("back\u{8}\u{8}\u{7F}\u{0}", "back^H^H<7F>^@"),
    ("gpj.\u{202E}exe\u{2066}", "gpj.exe [2 hidden]"),
    ("pay\u{200B}pal\u{AD}\u{FEFF}\u{E0041}", "paypal [4 hidden]"),
    ("a\tb", "a   b"),
    (
        "marks e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        "marks e\u{301}\u{301}\u{301}\u{301} [2 hidden]",
    ),
    ("[/nope] [bold]x", "[/nope] [bold]x"),
];

#[test]
fn hostile_message_is_shown_as_text() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let eve = Process::start_talking(&mut room.connect("eve", &[]));
    let attacks: String = ATTACKS.iter().flat_map(|(attack, _)| [attack, "\n"]).collect();
    let eve = eve.ends_after(attacks);
    eve.is_success();
    bob.out.wait_for("eve left");
    let bob = bob.ends();
    for text in [&bob.out, &eve.out] {
        assert_clean(text);
        assert_eq!(common::said_by(text, "eve"), ATTACKS.map(|(_, shown)| shown));
    }
}

#[test]
fn message_cannot_forge_an_event_line() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let eve = Process::start_talking(&mut room.connect("eve", &[]));
    // The client does not split its input at these line ends.
    let eve = eve.ends_after("x\r14:03:08 <bob> yes\u{2028}-- gone\u{85}!! lost\n");
    eve.is_success();
    bob.out.wait_for("eve left");
    let bob = bob.ends().out;
    let lines: Vec<_> = bob.lines().filter_map(|line| line.get(9..)).collect();
    let rows = ["<eve> x", "| 14:03:08 <bob> yes", "| -- gone", "| !! lost"];
    assert!(lines.windows(4).any(|window| window == rows), "{bob}");
    assert_clean(&bob);
}

#[test]
fn hostile_username_is_shown_as_one_word() {
    for (name, shown) in [
        ("bob>|-- ", None),
        ("x> <bob", None),
        ("eve>|--", Some("eve__--")),
        ("<bob>", Some("_bob_")),
        // The character is unassigned, so it may be invisible; the name differs from bob.
        ("bob\u{378}", Some("bob\u{FFFD}?")),
        ("b\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}ob", Some("b\u{301}\u{301}\u{301}\u{301}ob?")),
    ] {
        let room = Room::open(&[]);
        let carol = room.guest("carol");
        let eve = Process::start_talking(&mut room.connect(name, &[])).ends_after("hi\n");
        let Some(shown) = shown else {
            assert_eq!(eve.code(), Some(7));
            continue;
        };
        eve.is_success();
        carol.out.wait_for(" left (1 online)");
        let carol = carol.ends().out;
        for line in [
            format!(" -- {shown} joined (2 online)\n"),
            format!(" <{shown}> hi\n"),
            format!(" -- {shown} left (1 online)\n"),
        ] {
            assert!(carol.contains(&line), "{line:?} is not in {carol:?}");
        }
        assert!(eve.out.contains(&format!("2 online: carol {shown}\n")), "{:?}", eve.out);
        let console = room.serve.err.wait_until("leaving", |text| text.contains("carol left"));
        assert!(console.contains(&format!(" -- {shown} joined (2 online)\n")), "{console:?}");
        for text in [&carol, &eve.out, &console] {
            assert_clean(text);
        }
    }
}

#[test]
fn login_attempts_cannot_inject_into_the_console() {
    let room = Room::open(&[]);
    for bytes in [
        &b"\x1B]0;away\x07\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"{\"cmd\":\"srp_init\",\"username\":\"\\u001b[2J\",\"A\":\"Ag==\"}\n",
        b"{\"cmd\":\"\\u001b[2J\\n-- hello\"}\n",
        &[b'\x9B'; 10_000],
    ] {
        let mut client = TcpStream::connect(("127.0.0.1", room.port)).unwrap();
        let _ = client.write_all(bytes);
        let _ = client.shutdown(Shutdown::Write);
        let _ = client.read_to_end(&mut Vec::new());
    }
    let console = room.serve.err.wait_until("refusals", |text| {
        text.matches(" !! login from 127.0.0.1 refused: ").count() == 5
    });
    assert_clean(&console);
    assert_eq!(console.lines().count(), 6, "{console}");
}
