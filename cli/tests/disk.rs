//! Tests that a conversation never reaches a disk, neither during a session nor
//! in a crash, and that the program works on a read-only disk.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::process::Command;

use common::{
    PASSWORD, Process, RUNTIMES, Room, cmdchat, key, listening_port,
    pty::PtyProcess,
    session::{become_the_program, cmdchat_apart},
    strace::{self, Watch},
};
use rustix::process::Signal;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cmdchat");

#[test]
fn session_writes_no_file_even_on_crash() {
    for runtime in RUNTIMES {
        let Some(watch) = Watch::begin(&format!("disk-{runtime}")) else { return };
        let key = key();
        let serve = ["serve", "127.0.0.1", "0", "--password-file", &key, "--runtime", runtime];
        let serve = Process::start(&mut watch.over(&cmdchat(&serve)));
        let port = listening_port(&serve);
        let room = Room { serve, port, key };

        // Alice is at a terminal and types the passphrase at the prompt.
        let port = port.to_string();
        let connect = ["connect", "127.0.0.1", &port, "alice", "--runtime", runtime];
        let connect = cmdchat_apart("reexec_in_new_session", &connect);
        let mut alice = PtyProcess::take_alone(&mut watch.over(&connect));
        alice.screen.wait_for("passphrase (Ctrl+T shows it): ");
        alice.types(&format!("{PASSWORD}\r"));
        alice.screen.wait_for("you are in");

        let bob = room.connect("bob", &["--runtime", runtime]);
        let mut bob = Process::start_talking(&mut watch.over(&bob));
        bob.out.wait_for("you are in");
        // The message is one word, because the screen does not redraw cells that are
        // blank already.
        bob.types("hello-from-bob\n");
        alice.screen.wait_for("hello-from-bob");
        alice.types("hello from alice\r");
        bob.out.wait_for("hello from alice");
        alice.types("/wipe yes\r");
        bob.out.wait_for("cleared the history");
        alice.types("/quit\r");
        assert_eq!(alice.ends().0, Some(0));

        // ABORT, because a shell that runs the tests in the background may make them
        // ignore QUIT.
        strace::signal(bob.id(), Signal::ABORT);
        bob.ends_by_itself();
        room.serve.err.wait_for("bob");
        strace::signal(room.serve.id(), Signal::ABORT);
        room.serve.ends_by_itself();
        assert_eq!(watch.writes(PROGRAM), [""; 0]);
    }
}

/// Control for the test above: the trace shows writes if there are any.
#[test]
fn write_trace_detects_writing_programs() {
    for script in ["echo x >file", "mkdir folder", ": >>/proc/self/comm", "ln -s a /dev/null/b"] {
        let Some(watch) = Watch::begin("disk-control") else { return };
        let mut shell = Command::new("/bin/sh");
        let _ = watch.over(shell.args(["-c", script])).status().unwrap();
        assert_ne!(watch.writes("/bin/sh"), [""; 0], "{script}");
    }
}

#[test]
fn session_works_on_a_read_only_disk() {
    match strace::has_read_only_disk() {
        Ok(true) => {}
        // Some machines forbid remounting, even to root.
        Ok(false) => {
            eprintln!("\n*** SKIPPED: this machine mounts nothing read-only ***\n");
            return;
        }
        Err(why) => return strace::skip(&why),
    }
    for runtime in RUNTIMES {
        let key = key();
        let serve = ["serve", "127.0.0.1", "0", "--password-file", &key, "--runtime", runtime];
        let serve = Process::start(&mut strace::on_a_read_only_disk(&cmdchat(&serve)));
        let port = listening_port(&serve);
        let room = Room { serve, port, key };
        let connect = room.connect("alice", &["--runtime", runtime]);
        let alice = Process::start_talking(&mut strace::on_a_read_only_disk(&connect));
        let ended = alice.ends_after("hello\n");
        ended.is_success();
        assert_eq!(ended.said_by("alice"), ["hello"]);
    }
}

/// Entry point for `cmdchat_apart`, not a test.
#[test]
#[ignore = "a part of another test"]
fn reexec_in_new_session() {
    become_the_program();
}
