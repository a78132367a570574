//! Tests of output to a full disk: a server keeps running without its console, and
//! a client exits with an error.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{fs, net::Ipv4Addr, process::Command};

use common::{Process, RUNTIMES, Room, key, poll_until, run, shell};

/// Returns a shell command for the program with `args` and `redirection`.
fn cmdchat(redirection: &str, args: &[&str]) -> Command {
    shell(&format!("exec \"$0\" \"$@\" {redirection}"), args)
}

/// Returns a loopback address that only this process uses, so that its server can
/// be identified.
fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | high, middle, low)
}

/// Waits until a server listens at `address` and returns its port.
fn port_at(address: Ipv4Addr) -> u16 {
    const LISTENING: &str = "0A";
    let place = format!("{:08X}:", u32::from_ne_bytes(address.octets()));
    let mut port = None;
    poll_until("a listener", || {
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
        port = sockets.lines().find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let port = fields.next()?.strip_prefix(&place)?;
            (fields.nth(1)? == LISTENING).then(|| u16::from_str_radix(port, 16).unwrap())
        });
        port.is_some()
    });
    port.unwrap()
}

#[test]
fn server_survives_console_write_errors() {
    let (address, key) = (own_address(), key());
    for runtime in RUNTIMES {
        for redirection in [">/dev/full", "2>/dev/full", "2>&-"] {
            let host = address.to_string();
            let serve = ["serve", &host, "0", "--password-file", &key, "--runtime", runtime];
            let mut serve = Process::start(&mut cmdchat(redirection, &serve));
            let port = port_at(address).to_string();
            let connect = |name| {
                let connect = ["connect", &host, &port, name, "--password-file", &key];
                Process::start_talking(&mut common::cmdchat(&connect))
            };
            let bob = connect("bob");
            bob.out.wait_for(" online: ");
            // Each client causes two lines on the console.
            for number in 0..3 {
                let ended = connect("alice").ends_after(format!("line {number}\n"));
                ended.is_success();
                bob.out.wait_for(&format!("<alice> line {number}"));
            }
            assert!(serve.is_running(), "{runtime} {redirection}");
        }
    }
}

#[test]
fn client_exits_with_error_when_stdout_is_full() {
    for runtime in RUNTIMES {
        for form in ["--plain", "--json"] {
            let room = Room::open(&["--runtime", runtime]);
            let bob = room.guest("bob");
            let port = room.port.to_string();
            let connect = ["connect", "127.0.0.1", &port, "alice", "--password-file", &room.key];
            let connect = [&connect[..], &["--runtime", runtime, form]].concat();
            // Alice's input stays open, so the end of input is not what ends the client.
            let alice = Process::start_talking(&mut cmdchat(">/dev/full", &connect));
            let ended = alice.ends_by_itself();
            ended.says(1, "error: cannot write to standard output: no space left on device");
            let console = room.serve.err.text();
            if console.contains("alice joined") {
                bob.out.wait_for("alice left");
            }
        }
    }
}

#[test]
fn exit_codes_survive_full_stderr() {
    let room = Room::open(&[]);
    let port = room.port.to_string();
    let connect = ["connect", "127.0.0.1", &port, "alice", "--password-file"];
    let wrong = common::file(b"another one").into_os_string().into_string().unwrap();
    let (errors, all) = ("2>/dev/full", ">/dev/full 2>&1");
    for (key, full, code) in [(&room.key, errors, 0), (&wrong, errors, 6), (&room.key, all, 1)] {
        let connect = [&connect[..], &[key]].concat();
        assert_eq!(run(&mut cmdchat(full, &connect)).code(), Some(code), "{full}");
    }
}
