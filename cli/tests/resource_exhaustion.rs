//! Tests of connection floods, of a low limit on open files, and of a suspended
//! server: members stay connected, and later clients can log in.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use common::{PATIENCE, Process, RUNTIMES, Room, key, listening_port, poll_until, run, shell};
use rustix::process::Signal;

/// Starts a server that may have 64 files open.
fn narrow(runtime: &str) -> Room {
    let key = key();
    let script = "ulimit -n 64 && exec \"$0\" serve 127.0.0.1 0 --password-file \"$1\" \
                  --runtime \"$2\" --max-logins 0";
    let serve = Process::start(&mut shell(script, &[&key, runtime]));
    let port = listening_port(&serve);
    Room { serve, port, key }
}

/// Asserts that bob receives a message from alice.
fn talk(alice: &mut Process, bob: &Process, text: &str) {
    alice.types(format!("{text}\n"));
    bob.out.wait_for(&format!("<alice> {text}"));
}

#[test]
fn members_survive_file_descriptor_exhaustion() {
    for runtime in RUNTIMES {
        let room = narrow(runtime);
        let (mut alice, bob) = (room.guest("alice"), room.guest("bob"));
        let flood: Vec<_> =
            (0..200).map(|_| TcpStream::connect(("127.0.0.1", room.port)).unwrap()).collect();
        room.serve.err.wait_for("cannot accept");
        talk(&mut alice, &bob, "in the midst of it");
        drop(flood);
        // Carol can log in once the server has handled the closed connections.
        poll_until("a new member", || {
            run(&mut room.connect("carol", &["--timeout", "2s"])).code() == Some(0)
        });
        talk(&mut alice, &bob, "and afterwards");
    }
}

#[test]
fn aborted_logins_leak_no_slots() {
    let hello = b"{\"cmd\":\"srp_init\",\"username\":\"x\",\"A\":\"AgICAg==\"}\n";
    for runtime in RUNTIMES {
        let room = Room::open(&["--runtime", runtime]);
        let (mut alice, bob) = (room.guest("alice"), room.guest("bob"));
        for number in 0..1_000 {
            let mut stream = TcpStream::connect(("127.0.0.1", room.port)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // The server closes the connection if it has no free login slot.
            let _ = stream.write_all(&hello[..hello.len() * (number % 5) / 4]);
            if number % 10 == 4 {
                let _ = stream.read(&mut [0; 16]);
            }
            if number % 2 == 0 {
                // With this option, closing the socket resets the connection.
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
        talk(&mut alice, &bob, "still here");
        poll_until("a new member", || {
            run(&mut room.connect("carol", &["--timeout", "2s"])).code() == Some(0)
        });
    }
}

#[test]
fn suspended_server_resumes_without_loss() {
    for runtime in RUNTIMES {
        let room = Room::open(&["--runtime", runtime]);
        let (mut alice, bob) = (room.guest("alice"), room.guest("bob"));
        room.serve.signal(Signal::STOP);
        for number in 0..100 {
            alice.types(format!("line {number}\n"));
        }
        let carol = Process::start(&mut room.connect("carol", &[]));
        room.serve.signal(Signal::CONT);
        bob.out.wait_for("<alice> line 99");
        let all: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
        assert_eq!(common::said_by(&bob.out.text(), "alice"), all);
        assert_eq!(carol.ends().code(), Some(0), "a client that connected meanwhile logs in");
    }
}
