//! Tests that the program zeroizes secrets it no longer needs, as seen from another
//! process. Each test first finds the secret in memory, and later finds no piece
//! of it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use common::{
    PASSWORD, Process, RUNTIMES, Room, cmdchat, file, listening_port, memory::Memory, proxy::Proxy,
    pty::PtyProcess, run, sealed_client::Insider, strace,
};
use hkdf::Hkdf;
use rustix::process::geteuid;
use serde_json::json;
use sha2::Sha256;

/// A passphrase that occurs nowhere else: none of its words is in the lists for
/// estimating passphrase strength.
const SECRET: &str = "zebru-marmelode-quixotuc";

#[test]
fn started_server_forgets_the_passphrase() {
    for runtime in RUNTIMES {
        let mut serve = cmdchat(&["serve", "127.0.0.1", "0", "--password-stdin"]);
        let mut serve = Process::start_talking(serve.args(["--runtime", runtime]));
        let Some(memory) = Memory::of(serve.id()) else { return };
        serve.types(SECRET);
        memory.comes_to_hold(SECRET);
        serve.types("\n");
        listening_port(&serve);
        memory.forgets(SECRET);
    }
}

#[test]
fn server_forgets_password_from_argv_and_env() {
    let mut argument = cmdchat(&["serve", "127.0.0.1", "0", "--password", SECRET]);
    let mut variable = cmdchat(&["serve", "127.0.0.1", "0"]);
    variable.env("CMDCHAT_PASSWORD", SECRET);
    for command in [&mut argument, &mut variable] {
        let serve = Process::start(command);
        let Some(memory) = Memory::of(serve.id()) else { return };
        listening_port(&serve);
        memory.forgets(SECRET);
    }
}

#[test]
fn server_forgets_cleared_messages_or_left_members() {
    for runtime in RUNTIMES {
        // The link is plaintext, so the proxy sees the same bytes as the server.
        let room = Room::open(&["--runtime", runtime, "--protocol", "1"]);
        let Some(memory) = Memory::of(room.serve.id()) else { return };
        let relay = Proxy::to(room.port);
        let mut alice = PtyProcess::take(&mut room.connect_through(&relay, SECRET, &["--plain"]));
        alice.screen.wait_for(" online: ");
        alice.types("the words\r");
        alice.screen.wait_for(&format!("<{SECRET}> the words"));
        let sent = relay.said();
        let token =
            sent.lines().last().unwrap().split('"').rfind(|part| part.len() >= 100).unwrap();
        memory.comes_to_hold(token);
        memory.comes_to_hold(SECRET);

        alice.types("/wipe yes\r");
        alice.screen.wait_for("the room was wiped");
        memory.forgets(token);
        alice.types("/quit\r");
        assert_eq!(alice.ends().0, Some(0));
        memory.forgets(SECRET);
    }
}

/// Types one character at a time, as a user does. A paste would stay in the buffer of
/// the terminal library.
fn types_slowly(client: &mut PtyProcess, text: &str) {
    for (count, letter) in (1..).zip(text.chars()) {
        client.types(&letter.to_string());
        client.screen.wait_for(&text[..count]);
    }
}

#[test]
fn link_keys_are_zeroized_when_member_leaves() {
    for runtime in RUNTIMES {
        let room = Room::open(&["--runtime", runtime]);
        let Some(memory) = Memory::of(room.serve.id()) else { return };
        for (says_bye, notice) in [(true, "hanna left"), (false, "hanna was cut off")] {
            let mut hanna = Insider::enter(room.port, "hanna");
            for key in &hanna.keys {
                memory.comes_to_hold(key);
            }
            for origin in &hanna.origins {
                memory.forgets(origin);
            }
            if says_bye {
                hanna.says(&json!({ "type": "bye" }));
            }
            let keys = hanna.keys.clone();
            drop(hanna);
            room.serve.err.wait_for(notice);
            for key in keys {
                memory.forgets(key);
            }
        }
    }
}

#[test]
fn relay_never_holds_secrets_or_plaintext() {
    const NAME: &str = "quendolin-of-the-wharf";
    const SENT: [&str; 3] =
        ["bollerina-xyliphone-gozpacho", "an uvular trill, plimsoll", "kwetsbaar ijsvogeltje"];
    for runtime in RUNTIMES {
        let key = file(SECRET.as_bytes()).into_os_string().into_string().unwrap();
        let token = run(&mut cmdchat(&["verifier", "--password-file", &key])).out;
        let room_key = room_key(&token);
        let mut serve = cmdchat(&["serve", "127.0.0.1", "0", "--verifier-stdin"]);
        let mut serve = Process::start_talking(serve.args(["--runtime", runtime]));
        serve.types(token);
        let port = listening_port(&serve);
        let room = Room { serve, port, key };
        let Some(relay) = Memory::of(room.serve.id()) else { return };
        let mut alice = PtyProcess::take(&mut room.connect("alice", &["--plain"]));
        alice.screen.wait_for(" online: ");
        let [mut bob, mut named] = ["bob", NAME].map(|name| room.guest(name));
        bob.types(format!("{}\n", SENT[0]));
        alice.screen.wait_for(SENT[0]);
        named.types(format!("{}\n", SENT[1]));
        alice.screen.wait_for(SENT[1]);
        alice.types(&format!("{}\r", SENT[2]));
        bob.out.wait_for(SENT[2]);

        // The member has all secrets. The relay has the member's name, which it needs.
        let member = Memory::of(alice.id()).unwrap();
        relay.comes_to_hold(NAME);
        let sent = SENT.map(str::as_bytes);
        for secret in [SECRET.as_bytes(), &room_key].into_iter().chain(sent) {
            member.comes_to_hold(secret);
            relay.never_held(secret);
        }
    }
}

/// Returns the room key of the strict room with this verifier token and the
/// passphrase [`SECRET`] (PROTOCOL 2.1, 2.7).
fn room_key(token: &str) -> [u8; 32] {
    let token = token.trim_end().strip_prefix("cmdchat2.").unwrap();
    let room_salt = &URL_SAFE_NO_PAD.decode(token).unwrap()[2..18];
    let params = Params::new(64 << 10, 3, 4, Some(32)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let [mut stretched, mut key] = [[0; 32]; 2];
    argon2.hash_password_into(SECRET.as_bytes(), room_salt, &mut stretched).unwrap();
    let kdf = Hkdf::<Sha256>::from_prk(&stretched).unwrap();
    kdf.expand(b"cmdchat/2 room key", &mut key).unwrap();
    key
}

#[test]
fn client_forgets_cleared_messages() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let mut bob = room.guest("bob");
        let mut alice =
            PtyProcess::take(&mut room.connect("alice", &["--plain", "--runtime", runtime]));
        let Some(memory) = Memory::of(alice.id()) else { return };
        alice.screen.wait_for(" online: ");
        types_slowly(&mut alice, SECRET);
        memory.comes_to_hold(SECRET);
        alice.types("\r");
        bob.out.wait_for(SECRET);
        let received = "bollerina-xyliphone-gozpacho";
        bob.types(format!("{received}\n"));
        alice.screen.wait_for(received);
        memory.comes_to_hold(received);
        for letter in "/clear\r".chars() {
            alice.types(&letter.to_string());
        }
        alice.screen.wait_for("cleared here");
        memory.forgets(SECRET);
        memory.forgets(received);
    }
}

/// The panic key zeroizes all secrets. The test holds the program at its exit to
/// read its memory.
#[test]
fn panic_exit_leaves_no_secrets_in_memory() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let mut bob = room.guest("bob");
        let connect = room.connect("alice", &["--plain", "--runtime", runtime]);
        let Some(mut held) = strace::held_at_its_end(&connect) else { return };
        let mut alice = PtyProcess::take(&mut held);
        alice.screen.wait_for(" online: ");
        let Some(memory) = Memory::of(strace::child(alice.id())) else { return };
        bob.types(format!("{SECRET}\n"));
        alice.screen.wait_for(SECRET);
        let draft = "bollerina-xyliphone";
        types_slowly(&mut alice, draft);
        for secret in [SECRET, draft, PASSWORD] {
            memory.comes_to_hold(secret);
        }
        alice.types("\u{1C}\u{1C}");
        alice.screen.wait_for("\u{1B}[3J");
        bob.out.wait_for("alice left");
        for secret in [SECRET, draft, PASSWORD] {
            memory.forgets(secret);
        }
        assert!(memory.is_there(), "the process had ended already");
    }
}

#[test]
fn process_memory_is_unreadable_by_same_user() {
    // Root may read every process, so as root both programs run as another user.
    let unprivileged = |command: &mut Command| {
        if geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
    };
    let look_at = |process: u32| {
        let mut look = Command::new("head");
        unprivileged(look.args(["-c", "1", &format!("/proc/{process}/maps")]));
        look.stdin(Stdio::null()).stderr(Stdio::null()).output().unwrap().stdout.len()
    };
    // The copy is where every user may run it. Another process writes it, so that no
    // child process of this test inherits it open for writing.
    let program = std::env::temp_dir().join(format!("cmdchat-{}", std::process::id()));
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_cmdchat")).arg(&program).status();
    assert!(copied.unwrap().success());
    let mut serve = Command::new(&program);
    unprivileged(serve.args(["serve", "127.0.0.1", "0", "--password-stdin"]).current_dir("/"));
    let mut serve = Process::start_talking(&mut serve);
    serve.types("secret\n");
    listening_port(&serve);
    fs::remove_file(&program).unwrap();
    assert_eq!(look_at(serve.id()), 0);

    let mut other = Command::new("cat");
    unprivileged(&mut other);
    let other = Process::start_talking(&mut other);
    assert_eq!(look_at(other.id()), 1, "other programs are readable");
}

/// Printed messages cannot be cleared, so the client does not keep them.
#[test]
fn piped_client_forgets_printed_messages() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let mut bob = room.guest("bob");
        let alice = room.guest_with("alice", &["--runtime", runtime]);
        let Some(memory) = Memory::of(alice.id()) else { return };
        bob.types(format!("{SECRET}\n"));
        alice.out.wait_for(SECRET);
        memory.forgets(SECRET);
    }
}
