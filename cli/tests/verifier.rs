//! Tests of a relay, a server that never has the passphrase: `cmdchat verifier` and
//! `cmdchat serve --verifier-…`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{Ended, PASSWORD, Process, cmdchat, file, key, listening_port, run};

fn path(text: &[u8]) -> String {
    file(text).into_os_string().into_string().unwrap()
}

/// Runs `cmdchat verifier` with [`PASSWORD`].
fn verifier(args: &[&str]) -> Ended {
    let ended = run(&mut cmdchat(&[&["verifier", "--password-file", &key()], args].concat()));
    assert_eq!(ended.code(), Some(0), "{}", ended.err);
    ended
}

fn enter(port: u16, name: &str, password: &str) -> Ended {
    let key = path(password.as_bytes());
    let port = port.to_string();
    run(&mut cmdchat(&["connect", "127.0.0.1", &port, name, "--json", "--password-file", &key]))
}

#[test]
fn verifier_admits_only_the_right_passphrase() {
    for (args, kind, mode) in [
        (&[][..], "strict room", r#""mode":"strict""#),
        (&["--classic"], "classic room", r#""mode":"classic","sealed":true"#),
    ] {
        let made = verifier(args);
        assert!(made.out.starts_with("cmdchat2."), "{}", made.out);
        let fingerprint = made.err.strip_prefix("room: ").unwrap().trim_end();
        let token = path(made.out.as_bytes());
        let serve = ["serve", "127.0.0.1", "0", "--verifier-file", &token];
        let serve = Process::start(&mut cmdchat(&serve));
        let port = listening_port(&serve);
        assert_eq!(
            serve.err.text().trim_end(),
            format!(
                "blind relay: this machine never sees the passphrase\n\
                 listening on 127.0.0.1:{port} ({kind})"
            )
        );
        let inside = enter(port, "alice", PASSWORD);
        assert_eq!(inside.code(), Some(0), "{}", inside.err);
        assert!(inside.out.contains(mode), "{}", inside.out);
        assert!(inside.out.contains(fingerprint), "{}", inside.out);
        assert_eq!(enter(port, "eve", "another one").code(), Some(6));
    }
}

#[test]
fn verifier_is_read_from_stdin() {
    let token = verifier(&[]).out;
    let serve = ["serve", "127.0.0.1", "0", "--verifier-stdin"];
    let mut serve = Process::start_talking(&mut cmdchat(&serve));
    serve.types(&token);
    assert_eq!(enter(listening_port(&serve), "alice", PASSWORD).code(), Some(0));
}

#[test]
fn verifier_generate_prints_the_passphrase() {
    let made = run(&mut cmdchat(&["verifier", "--generate"]));
    assert_eq!(made.code(), Some(0), "{}", made.err);
    let words = made.err.lines().next().unwrap().strip_prefix("passphrase: ").unwrap();
    assert_eq!(words.split('-').count(), 7);
    let token = path(made.out.as_bytes());
    let serve = ["serve", "127.0.0.1", "0", "--verifier-file", &token];
    let serve = Process::start(&mut cmdchat(&serve));
    assert_eq!(enter(listening_port(&serve), "alice", words).code(), Some(0));
}

#[test]
fn verifier_rejects_weak_passphrases() {
    let weak = path(b"2011-11-11");
    let args = ["verifier", "--password-file", &weak];
    run(&mut cmdchat(&args)).says(
        2,
        "error: anyone who holds the verifier could guess this passphrase\n\
         hint: use 7 random words (cmdchat passphrase), or --generate\n\
         hint: pass --allow-weak to use it anyway",
    );
    let taken = run(&mut cmdchat(&[&args[..], &["--allow-weak"]].concat()));
    assert_eq!(taken.code(), Some(0), "{}", taken.err);
    let empty = path(b"\n");
    let args = ["verifier", "--password-file", &empty, "--allow-weak"];
    run(&mut cmdchat(&args)).says(
        2,
        "error: a strict room needs a passphrase\nhint: try: cmdchat passphrase --words 3",
    );
}

#[test]
fn invalid_verifiers_are_rejected() {
    let whole = verifier(&[]).out;
    let damaged = whole.replacen(&whole[20..21], if &whole[20..21] == "A" { "B" } else { "A" }, 1);
    for token in ["", "hello", PASSWORD, &whole[..100], &damaged] {
        // The line feed keeps the file from being empty, which is another error.
        let token = path(format!("{token}\n").as_bytes());
        run(&mut cmdchat(&["serve", "127.0.0.1", "0", "--verifier-file", &token])).says(
            2,
            "error: the verifier is invalid or damaged\nhint: run cmdchat verifier to generate one",
        );
    }
    for other in [&["--strict"][..], &["--protocol", "1"], &["--password-stdin"], &["--generate"]] {
        let serve = ["serve", "127.0.0.1", "0", "--verifier-stdin"];
        let ended = run(&mut cmdchat(&[&serve, other].concat()));
        assert_eq!(ended.code(), Some(2), "{other:?}");
        assert!(ended.err.contains("cannot be used with"), "{}", ended.err);
    }
}
