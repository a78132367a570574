//! Tests of the passphrase warnings of `serve` in each kind of room.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{Process, cmdchat, file, listening_port, run};

/// Returns the standard error output of `serve` with `args`, up to the line with
/// its address.
fn remarks(password: &str, args: &[&str]) -> String {
    let key = file(password.as_bytes()).into_os_string().into_string().unwrap();
    let serve = ["serve", "127.0.0.1", "0", "--password-file", &key];
    let serve = Process::start(&mut cmdchat(&[&serve, args].concat()));
    listening_port(&serve);
    let text = serve.err.text();
    text[..text.find("listening on ").unwrap()].to_owned()
}

#[test]
fn weak_passphrase_prints_a_warning() {
    let guessable = "warning: this passphrase could be guessed by someone who records the traffic; \
                     use 7 random words (cmdchat passphrase)\n";
    let short = "warning: this passphrase is short; \
                 use 3 random words (cmdchat passphrase --words 3)\n";
    let words = "correct horse battery staple";
    for (password, args, text) in [
        ("hunter2", &[][..], guessable),
        ("hunter2", &["--protocol", "1"], guessable),
        ("hunter2", &["--strict"], short),
        ("oak-cat-zoo", &["--strict"], short),
        ("oak-tidy-zoom", &["--strict"], ""),
        ("oak-aim-tag", &["--strict"], ""),
        ("hunter2hunter", &["--strict"], ""),
        (words, &[], ""),
    ] {
        assert_eq!(remarks(password, args), text, "{password} {args:?}");
    }
}

#[test]
fn generated_passphrase_is_all_of_stdout() {
    for (args, count) in [(&[][..], 7), (&["--strict"], 3)] {
        let serve = ["serve", "127.0.0.1", "0", "--generate"];
        let serve = Process::start(&mut cmdchat(&[&serve, args].concat()));
        let port = listening_port(&serve).to_string();
        let words = serve.out.wait_until("a line", |text| text.ends_with('\n'));
        assert_eq!(words.split('-').count(), count, "{words}");
        let key = file(words.as_bytes()).into_os_string().into_string().unwrap();
        run(&mut cmdchat(&["send", "127.0.0.1", &port, "ci", "hello", "--password-file", &key]))
            .is_success();
    }
}
