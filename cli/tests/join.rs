//! Tests of `cmdchat join`: invites, codes, and the required kind of room.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{Ended, Process, cmdchat, file, listening_port, run};

const CODE: &str = "oak-tidy-zoom";

/// Starts a server whose passphrase is `code`.
fn room(code: &str, args: &[&str]) -> (Process, u16) {
    let key = file(code.as_bytes()).into_os_string().into_string().unwrap();
    let serve = ["serve", "127.0.0.1", "0", "--password-file", &key];
    let serve = Process::start(&mut cmdchat(&[&serve, args].concat()));
    let port = listening_port(&serve);
    (serve, port)
}

fn join(args: &[&str]) -> Ended {
    run(&mut cmdchat(&[&["join", "--name", "alice"], args].concat()))
}

/// Writes a code to a file and returns its path.
fn typed(code: &str) -> String {
    file(code.as_bytes()).into_os_string().into_string().unwrap()
}

#[test]
fn join_accepts_an_invite_or_a_code() {
    let (_serve, port) = room(CODE, &["--strict"]);
    let address = format!("127.0.0.1:{port}");
    let line = format!("cmdchat://{address}/#{CODE}");
    for ended in [
        join(&[&line]),
        join(&[&format!("cmdchat://{address}/"), "--password-file", &typed(CODE)]),
        join(&[&address, "--password-file", &typed(" Oak Tidy\u{2013}ZOOM\n")]),
        run(cmdchat(&["join", "--name", "alice", &address])
            .env("CMDCHAT_PASSWORD", "OAK.TIDY.ZOOM")),
    ] {
        ended.is_success();
        assert!(ended.out.contains("you are in (strict). 1 online: alice"), "{}", ended.out);
    }
}

#[test]
fn join_name_defaults_to_the_system_login() {
    let (_serve, port) = room(CODE, &["--strict"]);
    let line = format!("cmdchat://127.0.0.1:{port}/#{CODE}");
    let ended = run(cmdchat(&["join", &line]).env("USER", "zoe"));
    assert!(ended.out.contains("online: zoe"), "{}", ended.out);
    run(cmdchat(&["join", &line, "--name", "a b"]).env("USER", "zoe")).says(
        7,
        "error: \"a b\" cannot be used as a name: no spaces\n\
         hint: 1 to 32 characters without spaces or [",
    );
}

/// A short code is safe in a strict room only. In any other kind of room, an
/// attacker who recorded a message could guess it offline.
#[test]
fn three_word_code_requires_a_strict_room() {
    let (_serve, port) = room(CODE, &[]);
    let line = format!("cmdchat://127.0.0.1:{port}/#{CODE}");
    join(&[&line]).says(
        9,
        &format!(
            "error: 127.0.0.1:{port} offers only a classic room\n\
             hint: someone may be interfering; pass --require any to join anyway"
        ),
    );
    let ended = join(&[&line, "--require", "any"]);
    assert_eq!(ended.code(), Some(0), "{}", ended.err);
    assert!(ended.out.contains("(classic, sealed)"), "{}", ended.out);
}

#[test]
fn seven_word_code_joins_any_room() {
    let code = "oak-tidy-zoom-acid-oak-tidy-zoom";
    for (args, kind) in
        [(&[][..], "(classic, sealed)"), (&["--protocol", "1"], "(classic, plaintext link)")]
    {
        let (_serve, port) = room(code, args);
        let line = format!("cmdchat://127.0.0.1:{port}/#{code}");
        let ended = join(&[&line]);
        ended.is_success();
        assert!(ended.out.contains(kind), "{}", ended.out);
    }
    let (_serve, port) = room(code, &["--protocol", "1"]);
    let line = format!("cmdchat://127.0.0.1:{port}/#{code}");
    assert_eq!(join(&[&line, "--require", "sealed"]).code(), Some(9));
}

#[test]
fn invalid_invites_fail_before_connecting() {
    // No server listens at port 1.
    for (args, words) in [
        (
            &["cmdchat://127.0.0.1:1/#oak-tidi-zoom"][..],
            "error: \"tidi\" is not a code word\nhint: did you mean tidy?",
        ),
        (&["cmdchat://127.0.0.1:1/#oak-tidy"], "error: a code has at least 3 words, not 2"),
        (
            &["fe80::1:3000"],
            "error: cannot tell address from port in \"fe80::1:3000\"\nhint: write [fe80::1]:3000",
        ),
        (
            &["cmdchat://127.0.0.1:1/#oak-tidy-zoom", "--room", "12345"],
            "error: \"12345\" is no fingerprint\nhint: write its 25 digits in quotes",
        ),
    ] {
        join(args).says(2, words);
    }
}

#[test]
fn pinned_fingerprint_rejects_another_room() {
    let (_serve, port) = room(CODE, &["--strict"]);
    let line = format!("cmdchat://127.0.0.1:{port}/#{CODE}");
    let seen = join(&[&line, "--json"]).out;
    let digits = seen.split("\"fingerprint\":\"").nth(1).unwrap().split('"').next().unwrap();
    join(&[&line, "--room", digits]).is_success();
    let other = "00000 00000 00000 00000 00000";
    join(&[&line, "--room", other]).says(
        11,
        &format!(
            "error: 127.0.0.1:{port} is a different room (fingerprint mismatch)\n\
             hint: compare the digits with the host; someone may be interfering"
        ),
    );
}

#[cfg(target_os = "linux")]
mod asked {
    use super::{CODE, room};
    use crate::common::{
        pty::PtyProcess,
        session::{become_the_program, cmdchat_apart},
    };

    #[test]
    #[ignore = "a part of another test"]
    fn reexec_in_new_session() {
        become_the_program();
    }

    fn join(args: &[&str]) -> PtyProcess {
        let args = [&["join", "--name", "alice"], args].concat();
        PtyProcess::take_alone(&mut cmdchat_apart("asked::reexec_in_new_session", &args))
    }

    #[test]
    fn invite_prompt_hides_input() {
        let (serve, port) = room(CODE, &["--strict"]);
        let mut alice = join(&[]);
        alice.screen.wait_for("invite (Ctrl+T shows it): ");
        alice.types(&format!("cmdchat://127.0.0.1:{port}/#{CODE}\r"));
        serve.err.wait_for("alice joined");
        assert!(!alice.screen.text().contains("oak"), "{}", alice.screen.text());
    }

    #[test]
    fn code_prompt_guides_input() {
        let (serve, port) = room(CODE, &["--strict"]);
        let mut alice = join(&[&format!("127.0.0.1:{port}")]);
        alice.screen.wait_for("code (Tab completes): ");
        alice.types("oak tidi ");
        alice.screen.wait_for("\"tidi\" is not a code word");
        alice.types("\u{15}oak ");
        alice.screen.wait_for("1 of 3 words");
        alice.types("tidy-ZOO\t");
        alice.screen.wait_for("3 of 3 words");
        alice.types("\r");
        serve.err.wait_for("alice joined");
    }
}
