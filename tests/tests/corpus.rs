//! Runs the fuzz targets on their stored inputs. This prevents regressions of earlier
//! findings, and runs every target's body without an installed fuzzer.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use cmdchat_core::fuzzing;

/// Runs `target` on each file in its two folders.
fn replay(name: &str, target: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let folders = ["corpus", "found"].map(|folder| fuzz.join(folder).join(name));
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "there is something to replay");
    for file in files {
        println!("{}", file.display());
        target(&std::fs::read(file).unwrap());
    }
}

#[test]
fn frame_parser() {
    replay("frame_parser", fuzzing::frame_parser);
}

#[test]
fn server_login() {
    replay("server_login", fuzzing::server_login);
}

#[test]
fn client_login() {
    replay("client_login", fuzzing::client_login);
}

#[test]
fn session() {
    replay("session", fuzzing::session);
}

#[test]
fn room() {
    replay("room", fuzzing::room);
}

#[test]
fn fernet() {
    replay("fernet", fuzzing::fernet);
}

#[test]
fn terminal_output() {
    replay("terminal_output", cmdchat::fuzzing::terminal_output);
}

#[test]
fn lenient_json() {
    replay("lenient_json", fuzzing::lenient_json);
}

#[test]
fn strict_room() {
    replay("strict_room", fuzzing::strict_room);
}

#[test]
fn record_opener() {
    replay("record_opener", fuzzing::record_opener);
}

#[test]
fn envelope() {
    replay("envelope", fuzzing::envelope);
}

#[test]
fn verifier_token() {
    replay("verifier_token", fuzzing::verifier_token);
}
