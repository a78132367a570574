//! Tests of `--json`, the interface for programs: one JSON object per line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{Ended, Process, RUNTIMES, Room, cmdchat, key, proxy::Proxy, run};
use serde_json::{Value, json};

/// Parses the objects of an output and removes their times. Panics if an object has
/// no valid time.
fn objects(text: &str) -> Vec<Value> {
    let object = |line: &str| {
        let mut object: Value = serde_json::from_str(line).unwrap();
        let fields = object.as_object_mut().unwrap();
        assert_eq!(fields.remove("v"), Some(json!(1)), "{line}");
        let ts = fields.remove("ts").unwrap();
        assert!(ts.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
        object
    };
    text.lines().map(object).collect()
}

/// Starts a member with `--json` and waits until it is ready.
fn bot(room: &Room, args: &[&str]) -> Process {
    let bot = Process::start_talking(&mut room.connect("bot", &[&["--json"], args].concat()));
    bot.out.wait_until("ready", |text| text.contains(r#""type":"ready""#) && text.ends_with('\n'));
    bot
}

#[test]
fn json_bot_holds_a_conversation() {
    for runtime in RUNTIMES {
        let room = Room::open(&[]);
        let mut bob = room.guest("bob");
        bob.types("before\n");
        bob.out.wait_for("<bob> before");
        let mut bot = bot(&room, &["--runtime", runtime]);
        bob.types("hello\n/me waves\n");
        bot.out.wait_for("waves");
        bot.types("{\"type\":\"send\",\"text\":\"two\\nlines\",\"ref\":\"my-1\"}\n");
        bob.out.wait_for("| lines");
        bot.types("{\"type\":\"action\",\"text\":\"nods\"}\n");
        bot.out.wait_for("nods");
        bot.types("{\"type\":\"command\",\"text\":\"/who\"}\n");
        bot.out.wait_for("members\":[{\"name\":\"bob\"},");
        bob.end_input();
        bot.out.wait_for(r#""type":"leave""#);
        let ended = bot.ends_after("{\"type\":\"quit\"}\n");
        ended.is_success();

        let mut objects = objects(&ended.out);
        for object in &mut objects {
            // The server's id of a message differs in every run.
            let is_text = ["message", "action"].iter().any(|kind| object["type"] == *kind);
            let id = object.as_object_mut().and_then(|object| object.remove("id"));
            assert_eq!(id.is_some(), is_text);
        }
        let chat = |kind: &str, from: &str, text: &str, own: bool, history: bool| json!({"type": kind, "from": {"name": from}, "text": text, "own": own, "history": history, "mention": false});
        let client = concat!("cmdchat/", env!("CARGO_PKG_VERSION"));
        assert_eq!(objects[0], json!({"type": "hello", "client": client}));
        assert_eq!(
            objects[1],
            json!({"type": "state", "state": "connecting", "host": "127.0.0.1", "port": room.port})
        );
        let ready = &objects[2];
        assert_eq!(ready["me"], json!({"name": "bot"}));
        assert_eq!(ready["members"], json!([{"name": "bob"}]));
        assert_eq!((&ready["mode"], &ready["history"]), (&json!("classic"), &json!(1)));
        let digits = ready["fingerprint"].as_str().unwrap();
        assert_eq!(digits.bytes().filter(u8::is_ascii_digit).count(), 25, "{digits}");
        let members = json!([{"name": "bob"}, {"name": "bot"}]);
        assert_eq!(
            objects[3..],
            [
                chat("message", "bob", "before", false, true),
                chat("message", "bob", "hello", false, false),
                chat("action", "bob", "waves", false, false),
                json!({"type": "sent", "ref": "my-1"}),
                chat("message", "bot", "two\nlines", true, false),
                chat("action", "bot", "nods", true, false),
                json!({"type": "members", "members": members}),
                json!({"type": "leave", "member": {"name": "bob"}, "online": 1}),
                json!({"type": "bye", "exit": 0}),
            ]
        );
    }
}

/// Writes `line` and returns the objects that follow, up to the first of type
/// `kind`.
fn answer(bot: &mut Process, line: &str, kind: &str) -> Vec<Value> {
    let before = bot.out.text().len();
    bot.types(format!("{line}\n"));
    let wanted = format!(r#""type":"{kind}""#);
    let text = bot.out.wait_until(kind, |text| {
        let new = &text[before..];
        new.ends_with('\n') && new.contains(&wanted)
    });
    objects(&text[before..])
}

#[test]
fn invalid_json_commands_keep_the_session() {
    let room = Room::open(&[]);
    let mut bot = bot(&room, &[]);
    for (line, text) in [
        ("hello", "expected value at line 1 column 1"),
        (r#"{"type":"send","to":"bob","text":"psst"}"#, "there are no private messages"),
        (
            r#"{"type":"command","text":"/whoo"}"#,
            "unknown command \"/whoo\"; there are /who, /wipe, /verify and /quit",
        ),
    ] {
        assert_eq!(
            answer(&mut bot, line, "error"),
            [json!({"type": "error", "code": "bad_input", "text": text})]
        );
    }
    let failed =
        |code: &str, text: &str| json!({"type": "failed", "ref": "x", "code": code, "text": text});
    // The longest text that a room accepts, in its longest JSON spelling. Each text
    // below exceeds the limit.
    let most = "\\u0041".repeat(16_384);
    for text in ["A".repeat(16_385), format!("{most}A"), "[a".repeat(8_192)] {
        let line = format!(r#"{{"type":"send","text":"{text}","ref":"x"}}"#);
        let objects = answer(&mut bot, &line, "failed");
        assert_eq!(objects, [failed("too_long", "too long (16 KiB at most)")]);
    }
    let empty = answer(&mut bot, r#"{"type":"send","text":"","ref":"x"}"#, "failed");
    assert_eq!(empty, [failed("empty", "nothing to say")]);
    let line = format!(r#"{{"type":"send","text":"{most}","ref":"last"}}"#);
    let objects = answer(&mut bot, &line, "message");
    assert_eq!(objects[0], json!({"type": "sent", "ref": "last"}));
    assert_eq!(objects[1]["text"], json!("A".repeat(16_384)));
    bot.ends().is_success();
}

#[test]
fn json_wipe_or_verify_commands_are_answered() {
    let room = Room::open(&[]);
    let mut bot = bot(&room, &[]);
    let fingerprint = objects(&bot.out.text())[2]["fingerprint"].clone();
    assert_eq!(
        answer(&mut bot, r#"{"type":"command","text":"/verify"}"#, "room_state"),
        [json!({"type": "room_state", "fingerprint": fingerprint})]
    );
    assert_eq!(
        answer(&mut bot, r#"{"type":"command","text":"/wipe"}"#, "history_cleared")[0]["type"],
        json!("history_cleared")
    );
    bot.ends().is_success();
}

/// Asserts that the process ended with the exit code `exit`, and that two objects and
/// stderr report the error.
fn failed(ended: &Ended, exit: i32, code: &str, text: &str) {
    assert_eq!(ended.code(), Some(exit), "{}", ended.err);
    assert!(ended.err.starts_with(&format!("error: {text}\n")), "{}", ended.err);
    let objects = objects(&ended.out);
    assert_eq!(
        objects[objects.len() - 2..],
        [
            json!({"type": "error", "code": code, "exit": exit, "text": text}),
            json!({"type": "bye", "exit": exit})
        ]
    );
}

#[test]
fn login_failures_are_reported_as_json() {
    let room = Room::open(&[]);
    let port = room.port.to_string();
    let connect = |password: &[u8], name: &str| {
        let file = common::file(password).into_os_string().into_string().unwrap();
        let args = ["connect", "127.0.0.1", &port, name, "--json", "--password-file", &file];
        run(&mut cmdchat(&args))
    };
    let address = room.address();
    let wrong = format!("{address} did not accept the passphrase");
    failed(&connect(b"wrong", "bot"), 6, "wrong_passphrase", &wrong);
    failed(&connect(b"x", "a b"), 7, "name", "\"a b\" cannot be used as a name: no spaces");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let unused = unused.to_string();
    let args = ["connect", "127.0.0.1", &unused, "bot", "--json", "--password-file", &key()];
    let words = format!("nothing is listening at 127.0.0.1:{unused}");
    failed(&run(&mut cmdchat(&args)), 3, "cannot_connect", &words);
}

#[cfg(unix)]
#[test]
fn closing_room_emits_closed_state() {
    let room = Room::open(&[]);
    let bot = bot(&room, &[]);
    room.serve.signal(rustix::process::Signal::TERM);
    let ended = bot.ends_by_itself();
    ended.is_success();
    let objects = objects(&ended.out);
    assert_eq!(
        objects[objects.len() - 2..],
        [json!({"type": "state", "state": "closed"}), json!({"type": "bye", "exit": 0})]
    );
}

#[test]
fn json_reconnect_resends_pending_messages() {
    let room = Room::open(&[]);
    let bob = room.guest("bob");
    let relay = Proxy::to(room.port);
    let mut bot = Process::start_talking(&mut room.connect_through(&relay, "bot", &["--json"]));
    bot.out.wait_for(r#""type":"ready""#);
    relay.cut_at_next_word();
    bot.types("{\"type\":\"send\",\"text\":\"at the wrong moment\",\"ref\":\"x\"}\n");
    bot.out.wait_for(r#""state":"reconnecting""#);
    relay.mend();
    bot.out.wait_for(r#""own":true"#);
    let ended = bot.ends();
    ended.is_success();
    let objects = objects(&ended.out);
    let (tries, rest) = objects[3..].split_at(objects.len() - 3 - 4);
    assert!(tries.iter().all(|object| object["state"] == "reconnecting"), "{tries:?}");
    assert!((375..=625).contains(&tries[0]["in_ms"].as_u64().unwrap()), "{tries:?}");
    assert_eq!(rest[0]["type"], json!("ready"));
    assert_eq!(rest[1], json!({"type": "sent", "ref": "x"}));
    assert_eq!(rest[2]["text"], json!("at the wrong moment"));
    assert_eq!(rest[3], json!({"type": "bye", "exit": 0}));
    assert_eq!(bob.ends().said_by("bot"), ["at the wrong moment"]);
}

#[test]
fn json_quit_works_while_reconnecting() {
    for input in ["{\"type\":\"quit\"}\n", ""] {
        let room = Room::open(&[]);
        let relay = Proxy::to(room.port);
        let mut bot = Process::start_talking(&mut room.connect_through(&relay, "bot", &["--json"]));
        bot.out.wait_for(r#""type":"ready""#);
        relay.cut_at_next_word();
        bot.types("{\"type\":\"command\",\"text\":\"/wipe\"}\n");
        bot.out.wait_for(r#""state":"reconnecting""#);
        let ended = bot.ends_after(input);
        ended.is_success();
        assert_eq!(objects(&ended.out).last(), Some(&json!({"type": "bye", "exit": 0})));
    }
}

#[test]
fn json_output_is_printable_ascii() {
    let room = Room::open(&[]);
    let mut bob = room.guest("bob");
    let bot = bot(&room, &[]);
    let attack =
        "\u{1B}[2J\u{1B}]0;t\u{7}\u{9B}6n\r\u{202E}\u{2066}\u{200B}\u{2028}{\"v\":1}\u{7F}";
    bob.types(format!("{attack}\n"));
    bot.out.wait_for("\"own\":false");
    let ended = bot.ends();
    ended.is_success();
    let objects = objects(&ended.out);
    let received = objects.iter().find(|object| object["type"] == "message").unwrap();
    assert_eq!(received["text"], json!(attack));
    let visible = |point: char| matches!(point, ' '..='~' | '\n');
    assert!(ended.out.chars().all(visible), "{:?}", ended.out);
}

/// A bot in another language works with the JSON interface.
#[cfg(unix)]
#[test]
fn python_bot_holds_a_conversation() {
    let python = std::process::Command::new("python3").arg("--version").output();
    if !python.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CMDCHAT_REQUIRE_PYTHON").is_none(), "there is no python3");
        eprintln!("\n*** SKIPPED: no python3, so no script talked to the room ***\n");
        return;
    }
    let room = Room::open(&[]);
    let mut bob = room.guest("bob");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bot.py");
    let port = room.port.to_string();
    let mut python = std::process::Command::new("python3");
    python.args([script, env!("CARGO_BIN_EXE_cmdchat"), &port, &room.key]);
    let python = Process::start_talking(&mut python);
    bob.out.wait_for("bot joined");
    bob.types("bot: add 2 3\nbot: add 40 2\nbot: dance\nbot: bye\n");
    bob.out.wait_for("bot left");
    python.ends().is_success();
    assert_eq!(bob.ends().said_by("bot"), ["hello bob", "5", "42", "I cannot dance"]);
}
