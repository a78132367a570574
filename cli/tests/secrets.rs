//! Tests that every passphrase source works, and that none leaves the passphrase
//! where other users can see it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{fs, os::unix::process::CommandExt as _, process::Command};

use common::{
    PASSWORD, Process, Room, cmdchat, file, key, listening_port, run,
    session::{become_the_program, cmdchat_apart},
    set_mode, shell,
};

/// Returns the `cmdchat connect` command for `room` without a passphrase.
fn connect(room: &Room, more: &[&str]) -> Command {
    cmdchat(&[&["connect", "127.0.0.1", &room.port.to_string(), "alice"], more].concat())
}

/// Asserts that `command` logs in, sends the lines of `input`, and exits with an empty
/// stderr.
fn lets_in(command: &mut Command, input: &str, sent: &[&str]) {
    let ended = Process::start_talking(command).ends_after(input);
    ended.is_success();
    assert_eq!(ended.said_by("alice"), sent, "{command:?}");
}

#[test]
fn every_password_source_logs_in() {
    let room = Room::open(&["--history", "0"]);
    let port = room.port.to_string();
    for end in ["", "\n", "\r\n"] {
        let file = file(format!("{PASSWORD}{end}").as_bytes());
        let file = file.to_str().unwrap();
        lets_in(&mut connect(&room, &["--password-file", file]), "a\nb", &["a", "b"]);
        let mut from_fd = shell(
            "exec \"$0\" connect 127.0.0.1 $1 alice --password-fd 7 7<\"$2\"",
            &[&port, file],
        );
        lets_in(&mut from_fd, "a\nb\n", &["a", "b"]);
    }
    let from_command = format!("cat '{}'; echo; echo behind", room.key);
    lets_in(&mut connect(&room, &["--password-command", &from_command]), "a\n", &["a"]);
    for end in ["\n", "\r\n"] {
        let input = format!("{PASSWORD}{end}a\nb\n");
        lets_in(&mut connect(&room, &["--password-stdin"]), &input, &["a", "b"]);
    }
    lets_in(&mut connect(&room, &[PASSWORD]), "a\n", &["a"]);
    lets_in(connect(&room, &[]).env("CMDCHAT_PASSWORD", PASSWORD), "a\n", &["a"]);
    // The variable takes precedence over the argument. An empty variable is ignored.
    lets_in(connect(&room, &["wrong"]).env("CMDCHAT_PASSWORD", PASSWORD), "a\n", &["a"]);
    lets_in(connect(&room, &[PASSWORD]).env("CMDCHAT_PASSWORD", ""), "a\n", &["a"]);
}

#[test]
fn serve_accepts_the_same_password_sources() {
    let key = key();
    let command = format!("cat '{key}'");
    for options in [
        &["--password-command", &command][..],
        &["--password", PASSWORD],
        &["-p", PASSWORD],
        &["--password-stdin"],
    ] {
        let mut serve = cmdchat(&[&["serve", "127.0.0.1", "0"], options].concat());
        let mut serve = Process::start_talking(&mut serve);
        serve.types(format!("{PASSWORD}\n"));
        let port = listening_port(&serve);
        let room = Room { serve, port, key: key.clone() };
        lets_in(&mut connect(&room, &["--password-file", &key]), "a\n", &["a"]);
    }
}

#[test]
fn password_file_readable_by_others_warns() {
    let room = Room::open(&[]);
    for mode in [0o640, 0o604] {
        let file = file(PASSWORD.as_bytes());
        set_mode(&file, mode);
        let path = file.to_str().unwrap();
        let ended = run(&mut connect(&room, &["--password-file", path]));
        ended.says(
            0,
            &format!(
                "warning: \"{path}\" can be read by other users of this machine; run chmod 600 on it"
            ),
        );
    }
}

/// Returns the command line and environment that the system shows of a process.
#[cfg(target_os = "linux")]
fn told_of(process: &Process) -> (Vec<String>, String) {
    let read = |what| fs::read(format!("/proc/{}/{what}", process.id())).unwrap();
    let words = String::from_utf8(read("cmdline")).unwrap();
    let words = words.trim_end_matches('\0').split('\0').map(str::to_owned).collect();
    (words, String::from_utf8_lossy(&read("environ")).into_owned())
}

#[cfg(target_os = "linux")]
#[test]
fn process_list_hides_the_passphrase() {
    let hidden = |process: &Process, shown: &[&str]| {
        let (words, environment) = told_of(process);
        let (last, rest) = words.split_last().unwrap();
        assert_eq!(rest, shown);
        assert!(last.starts_with("--password-fd="), "{last}");
        assert!(!environment.contains(PASSWORD) && !environment.contains("CMDCHAT_PASSWORD"));
    };
    for variable in [false, true] {
        let start = |args: &[&str], option: &[&str]| {
            let mut command = cmdchat(args);
            command.arg0("cmdchat");
            if variable {
                command.env("CMDCHAT_PASSWORD", PASSWORD);
            } else {
                command.args(option).arg(PASSWORD);
            }
            Process::start_talking(&mut command)
        };
        let serve = start(&["serve", "127.0.0.1", "0", "--quiet"], &["--password"]);
        let port = listening_port(&serve).to_string();
        hidden(&serve, &["cmdchat", "serve", "127.0.0.1", "0", "--quiet"]);
        let mut alice = start(&["connect", "127.0.0.1", &port, "alice"], &[]);
        alice.out.wait_for("you are in");
        hidden(&alice, &["cmdchat", "connect", "127.0.0.1", &port, "alice"]);
        alice.types("still\n");
        alice.out.wait_for("<alice> still");
        alice.ends().is_success();
    }
}

#[test]
fn empty_password_sources_fail() {
    let room = Room::open(&[]);
    let empty = file(b"");
    let empty = empty.to_str().unwrap();
    for (options, words) in [
        (["--password-file", empty], format!("no passphrase came from \"{empty}\"")),
        (
            ["--password-file", "/nonexistent/key"],
            "cannot read the passphrase from \"/nonexistent/key\": no such file or directory"
                .into(),
        ),
        (["--password-command", "true"], "no passphrase came from the passphrase command".into()),
        (
            ["--password-command", "echo x; exit 3"],
            "the passphrase command failed: exit status: 3".into(),
        ),
    ] {
        run(&mut connect(&room, &options)).says(13, &format!("error: {words}"));
    }
    run(&mut connect(&room, &["--password-stdin"]))
        .says(13, "error: no passphrase came from standard input");
    let closed = run(&mut connect(&room, &["--password-fd", "77"]));
    assert_eq!(closed.code(), Some(13));
    assert!(
        closed.err.starts_with("error: cannot read the passphrase from file descriptor 77: "),
        "{}",
        closed.err
    );
}

#[test]
fn invalid_passphrases_exit_with_usage_error() {
    let room = Room::open(&[]);
    let odd = file(b"\xFF\xFE");
    run(&mut connect(&room, &["--password-file", odd.to_str().unwrap()]))
        .says(2, "error: the passphrase is not UTF-8");
    let long = file(&[b'x'; 5_000]);
    run(&mut connect(&room, &["--password-file", long.to_str().unwrap()]))
        .says(2, "error: the passphrase is longer than 4096 bytes");
    let two = run(&mut connect(&room, &[PASSWORD, "--password-stdin"]));
    assert_eq!(two.code(), Some(2));
    assert!(two.err.contains("cannot be used with") && !two.err.contains(PASSWORD), "{}", two.err);
}

#[test]
fn prompt_fails_without_a_terminal() {
    for args in [&["connect", "127.0.0.1", "9", "alice"][..], &["serve", "127.0.0.1", "0"]] {
        let mut command = cmdchat_apart("reexec_in_new_session", args);
        // A pipe contains messages. Its first line is not read as the passphrase.
        let ended = Process::start_talking(&mut command).ends_after(format!("{PASSWORD}\n"));
        ended.says(
            13,
            "error: no passphrase given and no terminal to ask on\n\
             hint: use --password-file or --password-fd",
        );
    }
}

#[test]
#[ignore = "a part of another test"]
fn reexec_in_new_session() {
    become_the_program();
}
