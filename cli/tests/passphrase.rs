//! Tests of `cmdchat passphrase`, which generates passphrases of random words.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{Process, cmdchat, file, run};

fn made(args: &[&str]) -> String {
    let ended = run(&mut cmdchat(&[&["passphrase"], args].concat()));
    ended.is_success();
    ended.out.strip_suffix('\n').unwrap().to_owned()
}

#[test]
fn passphrase_has_seven_or_requested_words() {
    for (args, count) in [(&[][..], 7), (&["--words", "3"], 3), (&["--words=32"], 32)] {
        let words = made(args);
        assert_eq!(words.split('-').count(), count, "{words}");
        assert!(words.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()), "{words}");
    }
    assert_ne!(made(&[]), made(&[]));
    for words in ["2", "33"] {
        run(&mut cmdchat(&["passphrase", "--words", words])).says(
            2,
            &format!(
                "error: \"{words}\" is no length for a code\nhint: write a number from 3 to 32"
            ),
        );
    }
}

#[test]
fn generated_passphrase_works_for_login() {
    let key = file(made(&[]).as_bytes()).into_os_string().into_string().unwrap();
    let serve = ["serve", "127.0.0.1", "0", "--password-file", &key];
    let serve = Process::start(&mut cmdchat(&serve));
    let port = common::listening_port(&serve).to_string();
    run(&mut cmdchat(&["connect", "127.0.0.1", &port, "alice", "--password-file", &key]))
        .is_success();
}
