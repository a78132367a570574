//! Tests of `cmdchat host`: it opens a room with one command and prints an invite
//! that others join with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{Process, RUNTIMES, cmdchat, run};

/// Starts `cmdchat host` on a free port. Returns the process and its invite.
fn host(args: &[&str]) -> (Process, String) {
    let host = ["host", "--bind", "127.0.0.1", "--port", "0", "--name", "zoe"];
    let host = Process::start_talking(&mut cmdchat(&[&host, args].concat()));
    let text = host.out.wait_until("the line", |text| text.contains("only this machine can reach"));
    let line = text.lines().find_map(|line| line.find("cmdchat://").map(|at| &line[at..])).unwrap();
    (host, line.to_owned())
}

fn join(line: &str, name: &str) -> std::process::Command {
    cmdchat(&["join", line, "--name", name])
}

#[test]
fn invite_admits_friends_until_the_room_closes() {
    for runtime in RUNTIMES {
        let (mut zoe, line) = host(&["--runtime", runtime]);
        let code = line.split_once('#').unwrap().1;
        assert_eq!(code.split('-').count(), 3, "{line}");
        let seen = zoe.out.text();
        assert!(seen.contains("-- room open (strict)."), "{seen}");
        assert!(seen.contains("three words; capitals and dashes do not matter"), "{seen}");

        let mut bob = Process::start_talking(&mut join(&line, "bob"));
        bob.out.wait_for("you are in (strict). 2 online: zoe bob");
        bob.types("hello\n");
        zoe.out.wait_for("<bob> hello");
        zoe.types("welcome\n");
        bob.out.wait_for("<zoe> welcome");
        zoe.end_input();
        let zoe = zoe.ends();
        zoe.is_success();
        let bob = bob.ends_by_itself();
        bob.is_success();
        assert!(bob.out.contains("-- the host closed the room"), "{}", bob.out);
    }
}

#[test]
fn classic_room_code_has_seven_words() {
    let (_zoe, line) = host(&["--classic"]);
    assert_eq!(line.split_once('#').unwrap().1.split('-').count(), 7);
    let bob = run(&mut join(&line, "bob"));
    bob.is_success();
    assert!(bob.out.contains("(classic, sealed)"), "{}", bob.out);
    run(&mut cmdchat(&["host", "--classic", "--words", "6"]))
        .says(2, "error: a code for this kind of room has at least 7 words");
}

#[test]
fn headless_host_runs_without_joining() {
    let args = ["host", "--bind", "127.0.0.1", "--port", "0", "--headless", "--words", "4"];
    let relay = Process::start(&mut cmdchat(&args));
    let text = relay.err.wait_until("where it listens", |text| text.contains("(strict room)"));
    let line = text.lines().find_map(|line| line.find("cmdchat://").map(|at| &line[at..])).unwrap();
    assert_eq!(line.split_once('#').unwrap().1.split('-').count(), 4);
    run(&mut join(line, "bob")).is_success();
    relay.err.wait_for("bob joined (1 online)");
}

#[test]
fn qr_option_draws_the_invite() {
    /// Upper edge of the finder pattern in the left corner.
    const CORNER: &str = "████ ▄▄▄▄▄ █";
    let (mut zoe, _) = host(&["--qr"]);
    zoe.out.wait_for(CORNER);
    zoe.types("/invite qr\n");
    zoe.out.wait_until("it again", |text| text.matches(CORNER).count() == 2);
    let args = ["host", "--bind", "127.0.0.1", "--port", "0", "--headless", "--qr"];
    Process::start(&mut cmdchat(&args)).err.wait_for(CORNER);
    run(&mut cmdchat(&["host", "--qr", "--json"])).says(
        2,
        "error: the argument '--qr' cannot be used with '--json'\nhint: usage: cmdchat host --qr",
    );
}

#[test]
fn json_host_emits_the_invite() {
    let host = ["host", "--bind", "127.0.0.1", "--port", "0", "--name", "bot", "--json"];
    let bot = Process::start_talking(&mut cmdchat(&host));
    let text = bot
        .out
        .wait_until("the line", |text| text.contains(r#""type":"invite""#) && text.ends_with('\n'));
    let object = text.lines().find(|line| line.contains(r#""type":"invite""#)).unwrap();
    let object: serde_json::Value = serde_json::from_str(object).unwrap();
    run(&mut join(object["line"].as_str().unwrap(), "bob")).is_success();
    bot.out.wait_for(r#""type":"join","member":{"name":"bob"}"#);
}

#[cfg(target_os = "linux")]
#[test]
fn joined_member_can_show_the_invite() {
    use common::pty::PtyProcess;

    let (_zoe, line) = host(&[]);
    let mut bob = PtyProcess::take(&mut cmdchat(&["join", &line, "--name", "bob", "--plain"]));
    bob.screen.wait_for("you are in");
    assert!(!bob.screen.text().contains(&line));
    bob.types("/invite\r");
    bob.screen.wait_for(&line);
    bob.types("/quit\r");
    assert_eq!(bob.leaves().0, Some(0));
}
