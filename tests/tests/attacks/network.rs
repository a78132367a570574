//! An active network attacker between alice and the server of a classic room, without the
//! passphrase. Bob is in the room over a separate connection.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Mutex},
};

use cmdchat_core::{
    client::{LoginFailure, Mode},
    room_kind::RoomKind,
    server::Limits,
};
use cmdchat_tests::{
    Attack, Chunking,
    Direction::{self, Down, Up},
    Harness, Member, PASSWORD, Verdict,
};

use crate::table::{self, Row};

#[test]
fn network_attacks_match_the_table() {
    let cases = handshake().into_iter().chain(downgrades()).chain(records()).chain(endings());
    let rows = cases.map(play).collect();
    table::check(["attack", "where", "alice is told", "the server sees"], rows);
}

/// The lines of an earlier session of alice, up and down.
type Recorded = Arc<Mutex<[Vec<Vec<u8>>; 2]>>;

struct Case {
    what: &'static str,
    place: &'static str,
    require: Mode,
    /// The server shuts down gracefully before alice leaves.
    stops: bool,
    attack: Box<dyn FnOnce(Recorded) -> Attack>,
}

impl Case {
    fn new(what: &'static str, place: &'static str, attack: Attack) -> Self {
        Self { what, place, require: Mode::Plaintext, stops: false, attack: Box::new(|_| attack) }
    }

    /// Replaces one line with that of the earlier session.
    fn replay(place: &'static str, way: Direction, number: usize) -> Self {
        let attack = move |recorded: Recorded| -> Attack {
            let line = recorded.lock().unwrap()[way as usize][number].clone();
            at(way, number, move |_| Verdict::line(line.clone()))
        };
        let case = Self::new("replayed from an earlier session", place, nothing());
        Self { attack: Box::new(attack), ..case }
    }
}

fn nothing() -> Attack {
    Box::new(|_, _, _| Verdict::Pass)
}

/// Passes all lines but one.
fn at(way: Direction, number: usize, fate: impl Fn(&[u8]) -> Verdict + Send + 'static) -> Attack {
    Box::new(
        move |to, which, line| {
            if (to, which) == (way, number) { fate(line) } else { Verdict::Pass }
        },
    )
}

/// Applies `change` to the text value of `key` in a line of JSON.
fn field(line: &[u8], key: &str, change: impl Fn(&str) -> String) -> Verdict {
    let line = std::str::from_utf8(line).unwrap();
    let (before, rest) = line.split_once(&format!("\"{key}\":\"")).unwrap();
    let (value, behind) = rest.split_once('"').unwrap();
    Verdict::line(format!("{before}\"{key}\":\"{}\"{behind}", change(value)))
}

/// Replaces one character, not the first, with another.
fn altered(text: &str) -> String {
    let middle = text.len() / 2;
    let other = if text.as_bytes()[middle] == b'a' { "b" } else { "a" };
    format!("{}{other}{}", &text[..middle], &text[middle + 1..])
}

fn replaced(line: &[u8], from: &str, to: &str) -> Verdict {
    let line = std::str::from_utf8(line).unwrap();
    assert!(line.contains(from), "{from} is not in {line}");
    Verdict::line(line.replace(from, to))
}

fn respelled(line: &[u8]) -> Verdict {
    replaced(line, "{", "{ ")
}

/// Returns the attacks that apply to any line.
fn to_each_line(place: &'static str, way: Direction, number: usize) -> Vec<Case> {
    let case = |what, fate: fn(&[u8]) -> Verdict| Case::new(what, place, at(way, number, fate));
    vec![
        case("left out", |_| Verdict::nothing()),
        case("repeated", |line| Verdict::Lines(vec![line.to_vec(), line.to_vec()])),
        case("held back until the next", |_| Verdict::AfterTheNext),
        case("cut in the middle", |line| Verdict::Cut(line.len() / 2)),
        case("cut off before it", |_| Verdict::Cut(0)),
        Case::replay(place, way, number),
    ]
}

/// The beginning of the salt: `cmdchat2` in base64, up to the last character that these
/// bytes alone determine.
const SENTINEL: &str = "\"salt\":\"Y21kY2hhdD";

fn handshake() -> Vec<Case> {
    let [one, two, three, four] = ["line 1", "line 2", "line 3", "line 4"];
    let case = |what, place, way, number, fate: fn(&[u8]) -> Verdict| {
        Case::new(what, place, at(way, number, fate))
    };
    let mut cases = vec![
        case("another name", one, Up, 0, |line| field(line, "username", |_| "alicia".into())),
        case("another A", one, Up, 0, |line| field(line, "A", altered)),
        case("another kem", one, Up, 0, |line| field(line, "kem", altered)),
        case("kem left out", one, Up, 0, |line| field(line, "kem", |_| String::new())),
        case("one space more", one, Up, 0, respelled),
        case("no JSON", one, Up, 0, |_| Verdict::line("hello")),
    ];
    cases.extend(to_each_line(one, Up, 0));
    cases.extend([
        case("another B", two, Down, 0, |line| field(line, "B", altered)),
        case("B = 0", two, Down, 0, |line| field(line, "B", |_| "AA==".into())),
        case("another salt", two, Down, 0, |line| {
            field(line, "salt", |salt| format!("{}AAAA==", &salt[..salt.len() - 6]))
        }),
        case("no sentinel in the salt", two, Down, 0, |line| {
            replaced(line, SENTINEL, "\"salt\":\"Z21kY2hhdD")
        }),
        case("another room_salt", two, Down, 0, |line| field(line, "room_salt", altered)),
        case("another kem", two, Down, 0, |line| field(line, "kem", altered)),
        case("a short kem", two, Down, 0, |line| field(line, "kem", |_| "AAAA".into())),
        case("another user_id", two, Down, 0, |line| field(line, "user_id", |_| "me".into())),
        case("the strict kdf", two, Down, 0, |line| {
            field(line, "kdf", |_| RoomKind::Strict.kdf_name().into())
        }),
        case("an unknown kdf", two, Down, 0, |line| field(line, "kdf", |_| "md5".into())),
        case("version 3", two, Down, 0, |line| replaced(line, "\"version\":2", "\"version\":3")),
        case("one space more", two, Down, 0, respelled),
        case("an error instead", two, Down, 0, |_| Verdict::line("{\"error\":\"Room full\"}")),
    ]);
    cases.extend(to_each_line(two, Down, 0));
    cases.extend([
        case("another M", three, Up, 1, |line| field(line, "M", altered)),
        case("one space more", three, Up, 1, respelled),
    ]);
    cases.extend(to_each_line(three, Up, 1));
    cases.extend([
        case("another H_AMK", four, Down, 1, |line| field(line, "H_AMK", altered)),
        case("one space more", four, Down, 1, respelled),
        case("an error instead", four, Down, 1, |_| Verdict::line("{\"error\":\"Room full\"}")),
        case("an error with H_AMK as its proof", four, Down, 1, |line| {
            replaced(line, "{\"H_AMK\"", "{\"error\":\"Room full\",\"refusal\"")
        }),
    ]);
    cases.extend(to_each_line(four, Down, 1));
    cases
}

/// Returns the downgrades to protocol 1, where nearly everything could be forged.
fn downgrades() -> Vec<Case> {
    let strip = |line: &[u8]| replaced(line, ",\"versions\":[2,1]", "");
    let unseal = |line: &[u8]| replaced(line, SENTINEL, "\"salt\":\"Z21kY2hhdD");
    let both = move || -> Attack {
        Box::new(move |way, number, line| match (way, number) {
            (Up, 0) => strip(line),
            (Down, 0) => unseal(line),
            _ => Verdict::Pass,
        })
    };
    let as_protocol_1 = |line: &[u8]| {
        let Verdict::Lines(lines) = replaced(line, "\"version\":2,", "") else { unreachable!() };
        replaced(&lines[0], ",\"kdf\":\"none\"", "")
    };
    let answered = move |unsealed: bool| {
        at(Down, 0, move |line| {
            let Verdict::Lines(lines) = as_protocol_1(line) else { unreachable!() };
            if unsealed { unseal(&lines[0]) } else { Verdict::line(lines[0].clone()) }
        })
    };
    let lower = at(Up, 0, |line| replaced(line, "[2,1]", "[1]"));
    vec![
        Case::new("`versions` left out", "line 1", at(Up, 0, strip)),
        Case::new("`versions` lowered", "line 1", lower),
        Case::new("`versions` left out, and no sentinel", "lines 1, 2", both()),
        Case::new("answered as protocol 1", "line 2", answered(false)),
        Case::new("answered as protocol 1, without sentinel", "line 2", answered(true)),
        Case {
            require: Mode::Sealed,
            ..Case::new("the same, and alice insists on a sealed link", "line 2", answered(true))
        },
    ]
}

fn records() -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, way, number) in [
        ("a record up", Up, 2),
        ("the first record down", Down, 2),
        ("a later record down", Down, 4),
    ] {
        let case = |what, fate: fn(&[u8]) -> Verdict| Case::new(what, place, at(way, number, fate));
        cases.extend([
            case("one character altered", |line| {
                Verdict::line(altered(std::str::from_utf8(line).unwrap()))
            }),
            case("the padding of its base64 left out", |line| {
                Verdict::line(std::str::from_utf8(line).unwrap().trim_end_matches('='))
            }),
            case("an empty line before it", |line| Verdict::Lines(vec![Vec::new(), line.to_vec()])),
            case("a line in the clear before it", |line| {
                Verdict::Lines(vec![br#"{"type":"bye"}"#.to_vec(), line.to_vec()])
            }),
            case("too long", |_| Verdict::line("A".repeat(90_000))),
        ]);
        cases.extend(to_each_line(place, way, number));
    }
    cases.push(Case::new("a record sent back", "up", reflecting()));
    cases
}

/// Returns the attacks on the closing records, which prove that nothing was cut off.
fn endings() -> Vec<Case> {
    let stops = |case| Case { stops: true, ..case };
    vec![
        Case::new("nothing", "alice's bye", nothing()),
        Case::new("left out", "alice's bye", at(Up, 4, |_| Verdict::nothing())),
        stops(Case::new("nothing", "the server's bye", nothing())),
        stops(Case::new("left out", "the server's bye", at(Down, 5, |_| Verdict::nothing()))),
    ]
}

/// Reflects alice's records to her.
fn reflecting() -> Attack {
    let mut sent = None;
    Box::new(move |way, number, line| {
        if (way, number) == (Up, 2) {
            sent = Some(line.to_vec());
        }
        match (way, &sent) {
            (Down, Some(sent)) => Verdict::line(sent.clone()),
            _ => Verdict::Pass,
        }
    })
}

/// Runs a conversation of alice and bob, with the attacker between alice and the server.
fn play(Case { what, place, require, stops, attack }: Case) -> Row {
    let attack = Cell::new(Some(attack));
    let failed = RefCell::new(None);
    let stage = Harness::new(RoomKind::Classic, Limits::default(), Chunking::Coalesced);
    let transcript = stage.play(async |stage| {
        let bob = stage.join_sealed("bob").await;
        let (recorder, recorded) = recorder();
        let before = stage.try_join_through(recorder, stage.guest("alice", PASSWORD)).await;
        talk(stage, &before.unwrap(), "before").await;
        stage.remark("the attack");
        let attack = attack.take().unwrap()(recorded);
        let guest = stage.guest("alice", PASSWORD).require_mode(require);
        match stage.try_join_through(attack, guest).await {
            Ok(alice) => {
                stage.pause(20).await;
                alice.say("one").await;
                stage.pause(20).await;
                bob.say("two").await;
                stage.pause(20).await;
                if stops {
                    stage.stop();
                    stage.pause(20).await;
                }
                talk(stage, &alice, "three").await;
            }
            Err(why) => *failed.borrow_mut() = Some(described(&why)),
        }
        // By now every timeout has expired.
        stage.pause(100_000).await;
    });
    let (_, transcript) = transcript.split_once("# the attack\n").unwrap();
    let told = |who: &str| -> Vec<_> {
        let lines = transcript.lines().filter(|line| line[9..].trim_start().starts_with(who));
        lines.filter_map(|line| Some(line.split_once(" * ")?.1)).collect()
    };
    only_what_was_said(&told("alice"), "bob", &["two"]);
    only_what_was_said(&told("bob"), "alice", &["one", "three"]);
    let alice = failed.into_inner().unwrap_or_else(|| in_short(&told("alice")));
    [what.to_owned(), place.to_owned(), alice, seen(&told("host"))]
}

/// Asserts that no message was altered, repeated or reordered.
fn only_what_was_said(told: &[&str], author: &str, said: &[&str]) {
    let heard = told.iter().filter_map(|line| line.strip_prefix(&format!("{author} says ")));
    let heard: Vec<_> = heard.map(|text| text.trim_matches('"')).collect();
    assert!(said.starts_with(&heard), "{author} said {said:?}, heard was {heard:?}");
}

async fn talk(stage: &Harness, alice: &Member, text: &str) {
    alice.say(text).await;
    stage.pause(20).await;
    alice.finish().await;
    stage.pause(20).await;
}

fn recorder() -> (Attack, Recorded) {
    let recorded = Recorded::default();
    let into = Arc::clone(&recorded);
    let attack: Attack = Box::new(move |way, _, line| {
        into.lock().unwrap()[way as usize].push(line.to_vec());
        Verdict::Pass
    });
    (attack, recorded)
}

fn described(failed: &LoginFailure) -> String {
    match failed {
        LoginFailure::Rejected { text, .. } => format!("refused: {}", text.raw()),
        LoginFailure::NotAServer { .. } => "not in: NotAServer".to_owned(),
        other => format!("not in: {other:?}"),
    }
}

/// Summarizes alice's events after the welcome.
fn in_short(told: &[&str]) -> String {
    let lines = told.iter().map(|line| match line.strip_prefix("ready") {
        Some(_) => "in",
        None => line,
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// Summarizes the server's events without addresses and counts.
fn seen(told: &[&str]) -> String {
    let lines = told.iter().map(|line| match line.split_once(": ") {
        Some((head, why)) if head.starts_with("refused") => format!("refused: {why}"),
        _ => line.split(" (").next().unwrap_or_default().to_owned(),
    });
    let seen = lines.collect::<Vec<_>>().join("; ");
    if seen.is_empty() { "nothing".to_owned() } else { seen }
}
