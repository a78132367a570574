//! Tests that each failure of `serve` and `connect` has its own exit code. Its
//! message names the subject, and its hint tells the user what to do next.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener},
    thread,
};

use common::{Ended, RUNTIMES, Room, cmdchat, file, key, run};

fn connect_to(host: &str, port: &str) -> Ended {
    run(&mut cmdchat(&["connect", host, port, "alice", "--password-file", &key()]))
}

fn serve_at(address: &str, port: &str) -> Ended {
    run(&mut cmdchat(&["serve", address, port, "--password-file", &key()]))
}

/// Runs `connect` against a server that sends one of `answers` for each line it
/// reads, then closes the connection. Returns the result and the address.
fn against(answers: &[&str]) -> (Ended, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            let (mut host, _) = listener.accept().unwrap();
            let mut input = BufReader::new(host.try_clone().unwrap());
            for answer in answers {
                input.read_line(&mut String::new()).unwrap();
                host.write_all(answer.as_bytes()).unwrap();
            }
            // Closing the socket with unread bytes would reset the connection instead.
            let _ = host.shutdown(Shutdown::Write);
            let _ = input.read_to_end(&mut Vec::new());
        });
        connect_to("127.0.0.1", &port)
    });
    (ended, format!("127.0.0.1:{port}"))
}

#[test]
fn connection_refused_gives_error_with_hint() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    connect_to("127.0.0.1", &port.to_string()).says(
        3,
        &format!(
            "error: nothing is listening at 127.0.0.1:{port}\n\
             hint: ask the host whether the room is open and the port is {port}"
        ),
    );
}

#[test]
fn unknown_host_gives_error_with_hint() {
    // Every resolver rejects a label of 64 letters without a query.
    let host = format!("{}.invalid", "x".repeat(64));
    connect_to(&host, "3000").says(
        4,
        &format!(
            "error: cannot find the host \"{host}\"\n\
             hint: check the spelling, or use the address the host's screen shows"
        ),
    );
}

/// A full accept queue leaves further connection attempts unanswered, as a
/// firewall does.
#[cfg(target_os = "linux")]
#[test]
fn connect_timeout_gives_error_with_hint() {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let first = std::net::TcpStream::connect(address).unwrap();

    let port = address.port().to_string();
    for runtime in RUNTIMES {
        let mut connect = cmdchat(&["connect", "127.0.0.1", &port, "alice", "--timeout", "300ms"]);
        connect.args(["--runtime", runtime, "--password-file", &key()]);
        run(&mut connect).says(
            5,
            &format!(
                "error: {address} did not answer within 300 ms\n\
                 hint: a firewall or router may be dropping the connection; \
                 the host may need to forward port {port}"
            ),
        );
    }
    drop(first);
}

#[test]
fn invalid_arguments_exit_with_usage_error() {
    for (port, host) in [("99999", "h"), ("0", "h"), ("-1", "h"), ("+80", "h"), ("", "h")] {
        connect_to(host, port).says(
            2,
            &format!("error: \"{port}\" is not a port\nhint: use a number from 1 to 65535"),
        );
    }
    connect_to("fe80::1:3000:", "3000").says(
        2,
        "error: cannot tell address from port in \"fe80::1:3000:\"\n\
         hint: separate the address from the port: fe80::1 3000",
    );
    let usage = run(&mut cmdchat(&["connect", "127.0.0.1"]));
    assert_eq!(usage.code(), Some(2));
    assert!(usage.err.starts_with("error: the following required arguments"), "{}", usage.err);
    for (args, words) in [
        (&["dance"][..], "error: unrecognized subcommand 'dance'"),
        (&["serve", "127.0.0.1", "0", "--danse"], "error: unexpected argument '--danse' found"),
        (&["serve", "127.0.0.1", "0", "--runtime", "tokio"], "error: invalid value 'tokio' for"),
        (&["serve", "example.org", "0"], "error: \"example.org\" is not an IP address"),
    ] {
        let ended = run(&mut cmdchat(args));
        assert_eq!((ended.code(), ended.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ended.err.starts_with(words), "{}", ended.err);
    }
}

#[test]
fn argument_errors_are_sanitized() {
    let ended = connect_to("127.0.0.1", "3\u{1B}[2J\u{9B}2J\u{202E}");
    assert_eq!(ended.code(), Some(2));
    assert!(ended.err.starts_with("error: \"3^[[2J<9B>2J\" is not a port"), "{:?}", ended.err);
}

#[test]
fn help_fits_a_screen_on_stdout() {
    for args in [&["-h"][..], &["serve", "-h"], &["connect", "-h"], &["send", "-h"], &["--version"]]
    {
        let ended = run(&mut cmdchat(args));
        ended.is_success();
        assert!((1..=24).contains(&ended.out.lines().count()), "{}", ended.out);
        assert!(ended.out.lines().all(|line| line.chars().count() <= 80), "{}", ended.out);
    }
    for command in ["serve", "connect"] {
        let ended = run(&mut cmdchat(&[command, "--help"]));
        ended.is_success();
        assert!(ended.out.starts_with("Examples:\n  cmdchat "), "{}", ended.out);
    }
    let version = run(&mut cmdchat(&["--version"])).out;
    assert_eq!(version, format!("cmdchat {}\n", env!("CARGO_PKG_VERSION")));
    // A missing command is a usage error too, so standard output stays empty.
    let nothing = run(&mut cmdchat(&[]));
    assert_eq!((nothing.code(), nothing.out.as_str()), (Some(2), ""));
    assert!(nothing.err.contains("Usage: cmdchat <COMMAND>"), "{}", nothing.err);
}

#[test]
fn invalid_username_gives_error_with_hint() {
    for (name, why) in [
        ("al ice", "no spaces"),
        (" alice", "no spaces"),
        ("", "it is empty"),
        ("[alice]", "no ["),
        ("ali\u{200B}ce", "no invisible characters"),
        ("123456789012345678901234567890123", "too long"),
    ] {
        let args = ["connect", "127.0.0.1", "9", name, "--password-file", &key()];
        let shown = name.replace('\u{200B}', "");
        run(&mut cmdchat(&args)).says(
            7,
            &format!(
                "error: \"{shown}\" cannot be used as a name: {why}\n\
                 hint: 1 to 32 characters without spaces or ["
            ),
        );
    }
}

#[test]
fn taken_username_gives_error_with_hint() {
    let room = Room::open(&[]);
    let _alice = room.guest("alice");
    for name in ["alice", "ALICE"] {
        run(&mut room.connect(name, &[])).says(
            7,
            &format!(
                "error: someone called \"{name}\" is already in the room\n\
                 hint: choose another name"
            ),
        );
    }
}

#[test]
fn wrong_passphrase_gives_error_with_hint() {
    let room = Room::open(&["--limit-loopback"]);
    let (port, wrong) = (room.port.to_string(), file(b"Correct horse battery"));
    let args = ["connect", "127.0.0.1", &port, "eve", "--password-file", wrong.to_str().unwrap()];
    run(&mut cmdchat(&args)).says(
        6,
        &format!(
            "error: {} did not accept the passphrase\n\
             hint: passphrases are case-sensitive; codes are not",
            room.address()
        ),
    );
    let console = room
        .serve
        .err
        .wait_until("a refusal", |text| text.contains(" refused: ") && text.ends_with('\n'));
    assert!(console.contains(" !! login from 127.0.0.1 refused: wrong passphrase\n"), "{console}");

    // This server also limits loopback addresses. After a few failed logins it
    // closes connections without reading from them.
    let mut tries = (0..10).map(|_| run(&mut cmdchat(&args)));
    tries.find(|ended| ended.code() != Some(6)).unwrap().says(
        8,
        &format!(
            "error: {} closed the connection during the login\n\
             hint: too many tries from one address can be the reason; try again in a few minutes",
            room.address()
        ),
    );
}

#[test]
fn full_room_gives_error() {
    let room = Room::open(&["--max-members", "1"]);
    let alice = room.guest("alice");
    run(&mut room.connect("bob", &[])).says(8, "error: the room is full");
    assert_eq!(alice.ends().code(), Some(0));
    room.serve.err.wait_for("alice left (0 online)");
    assert_eq!(room.guest("bob").ends().code(), Some(0));
}

#[test]
fn non_server_answer_gives_error() {
    let words = "answered, but is not a cmd-chat host";
    for (answer, guess) in [
        ("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", " (it looks like HTTP)"),
        ("220 \u{1B}[2J ready\r\n", ""),
        ("{\"hello\": 1}\n", ""),
        ("[]\n", ""),
        ("\n", ""),
    ] {
        let (ended, address) = against(&[answer]);
        ended.says(9, &format!("error: {address} {words}{guess}"));
    }
    // The client does not wait forever for the end of an endless line.
    let (ended, address) = against(&[&"x".repeat(100_000)]);
    ended.says(9, &format!("error: {address} {words}"));
}

#[test]
fn server_closing_during_login_gives_error() {
    for answers in [&[][..], &[""], &["{\"B\": "]] {
        let (ended, address) = against(answers);
        ended.says(
            8,
            &format!(
                "error: {address} closed the connection during the login\n\
                 hint: too many tries from one address can be the reason; \
                 try again in a few minutes"
            ),
        );
    }
}

/// Returns a challenge: line 2 of PROTOCOL 1.2.
fn challenge(b: &str) -> String {
    let salt = "AAECAwQFBgcICQoLDA0ODw==";
    format!("{{\"user_id\":\"u\",\"B\":\"{b}\",\"salt\":\"{salt}\",\"room_salt\":\"{salt}\"}}\n")
}

#[test]
fn unauthenticated_server_gives_error() {
    let zero = challenge(&format!("{}==", "A".repeat(342)));
    let good = challenge(&"B".repeat(340));
    let guessed = "{\"H_AMK\":\"AAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8=\"}\n";
    for answers in [&[zero.as_str()][..], &[&good, guessed], &[&good, "{}\n"]] {
        let (ended, address) = against(answers);
        ended.says(
            11,
            &format!(
                "error: the server at {address} does not know the passphrase\n\
                 hint: this may be someone else's machine; do not type the passphrase again, \
                 ask your friend"
            ),
        );
        assert_eq!(ended.out, "");
    }
}

#[test]
fn server_rejection_text_maps_to_errors() {
    for (error, code, words) in [
        ("Room full", 8, "error: the room is full"),
        ("Try again later", 8, "error: @ is busy with other logins\nhint: try again in a minute"),
        (
            "Protocol 2 required",
            9,
            "error: @ does not understand this cmdchat: \"Protocol 2 required\"\n\
             hint: update cmdchat",
        ),
        (
            "Invalid username",
            7,
            "error: \"alice\" cannot be used as a name: rejected by the server\n\
             hint: 1 to 32 characters without spaces or [",
        ),
        (
            "go\\u001b]0;away\\u0007\\nhint: \\\"run this\\u202e",
            8,
            "error: @ refused the login: \"go^[]0;away^G\u{FFFD}hint: 'run this\"",
        ),
    ] {
        let (ended, address) = against(&[&format!("{{\"error\":\"{error}\"}}\n")]);
        ended.says(code, &words.replace('@', &address));
    }
}

#[test]
fn port_in_use_gives_error_with_hint() {
    let room = Room::open(&[]);
    let (port, other) = (room.port, room.port.checked_add(1).unwrap_or(65_534));
    serve_at("127.0.0.1", &port.to_string()).says(
        12,
        &format!(
            "error: port {port} is already in use on this machine\n\
             hint: choose another, for example {other}"
        ),
    );
}

#[test]
fn unavailable_address_gives_error_with_hint() {
    // This address is reserved for documentation (RFC 5737), so no machine has it.
    serve_at("192.0.2.1", "0")
        .says(12, "error: 192.0.2.1 is not an address of this machine\nhint: use 0.0.0.0 for all");
}
