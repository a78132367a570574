//! A malicious relay of a strict room. The members alice, bob and carol talk before and
//! after each attack.

use std::time::Duration;

use cmdchat_core::{crypto::kdf::room_key, strict_room::hash_chain::ChainHash, time::Tick};
use cmdchat_tests::{MaliciousServer, PASSWORD, Said, epoch, password};
use serde_json::json;

use crate::table::{self, Row};

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;
const ALL: [usize; 3] = [ALICE, BOB, CAROL];
const NOT_CAROL: [usize; 2] = [ALICE, BOB];

#[test]
fn malicious_server_attacks_match_the_table() {
    let mut rows = Vec::new();
    for (what, to, lie) in LIES {
        rows.push(play(what, to, *lie));
    }
    table::check(["the relay", "to", "who is told what", "codes afterwards"], rows);
}

/// An attack of the relay: its description, its target and its implementation.
type Lie = (&'static str, &'static str, fn(&mut MaliciousServer));

const LIES: &[Lie] = &[
    ("is honest", "all", |relay| {
        relay.say(ALICE, "hello");
    }),
    ("hides a message, and leaves its number out", "carol", |relay| {
        let said = relay.hear(ALICE, "hidden");
        relay.show(&NOT_CAROL, &said);
        let next = relay.hear(BOB, "next");
        relay.show(&NOT_CAROL, &next);
        relay.show_as(CAROL, &next, 5);
    }),
    ("hides a message", "carol", |relay| {
        let said = relay.hear(ALICE, "hidden");
        relay.show(&NOT_CAROL, &said);
    }),
    ("hides a message from its author", "alice", |relay| {
        let said = relay.hear(ALICE, "hidden");
        relay.show(&[BOB, CAROL], &said);
    }),
    ("hides a message from everybody", "all", |relay| {
        relay.hear(ALICE, "hidden");
    }),
    ("shows a message twice, under one number", "carol", |relay| {
        let said = relay.say(ALICE, "once");
        relay.show_as(CAROL, &said, 4);
    }),
    ("shows a message twice", "carol", |relay| {
        let said = relay.say(ALICE, "once");
        relay.show(&[CAROL], &said);
    }),
    ("shows a message twice", "its author", |relay| {
        let said = relay.say(ALICE, "once");
        relay.show(&[ALICE], &said);
    }),
    ("shows a message under another name", "carol", |relay| {
        let said = relay.hear(ALICE, "mine");
        relay.show(&NOT_CAROL, &said);
        relay.show(&[CAROL], &Said { author: "bob".to_owned(), ..said });
    }),
    ("shows a message under another name", "all", |relay| {
        let said = relay.hear(ALICE, "mine");
        relay.show(&ALL, &Said { author: "bob".to_owned(), ..said });
    }),
    ("swaps the messages of two", "carol", |relay| {
        let [one, two] = [relay.hear(ALICE, "one"), relay.hear(BOB, "two")];
        for said in [&one, &two] {
            relay.show(&NOT_CAROL, said);
        }
        for said in [&two, &one] {
            relay.show(&[CAROL], said);
        }
    }),
    ("swaps two messages of one", "all", |relay| {
        let [one, two] = [relay.hear(ALICE, "one"), relay.hear(ALICE, "two")];
        for said in [&two, &one] {
            relay.show(&ALL, said);
        }
    }),
    ("alters a message", "carol", |relay| {
        let said = relay.hear(ALICE, "words");
        relay.show(&NOT_CAROL, &said);
        let token = said.token.replace(&said.token[60..64], "AAAA");
        relay.show(&[CAROL], &Said { token, ..said });
    }),
    ("delays a message by 301 s", "all", |relay| {
        let said = relay.hear(ALICE, "late");
        awake(relay, 301);
        relay.show(&ALL, &said);
    }),
    ("delays a message by 300 s", "all", |relay| {
        let said = relay.hear(ALICE, "late");
        awake(relay, 300);
        relay.show(&ALL, &said);
    }),
    ("hides a wish to clear", "carol", |relay| {
        let wish = relay.hear_clear(ALICE);
        relay.show(&NOT_CAROL, &wish);
    }),
    ("hides a wish to clear from everybody", "all", |relay| {
        relay.hear_clear(ALICE);
    }),
    ("makes up a clear without a wish", "carol", |relay| {
        relay.tell(CAROL, &json!({"type": "cleared", "username": "alice"}));
    }),
    ("makes up a clear from a message", "carol", |relay| {
        let said = relay.hear(ALICE, "words");
        relay.show(&NOT_CAROL, &said);
        relay.show(&[CAROL], &Said { kind: "cleared", ..said });
    }),
    ("makes up a clear with nobody's token", "all", |relay| {
        let token = "gAAAAA".to_owned();
        relay.show(&ALL, &Said { kind: "cleared", author: "alice".to_owned(), token });
    }),
    ("repeats an old wish to clear", "all", |relay| {
        let wish = relay.hear_clear(ALICE);
        relay.show(&ALL, &wish);
        relay.say(BOB, "after the clear");
        relay.show(&ALL, &wish);
    }),
    ("shows a wish to clear as a message", "carol", |relay| {
        let wish = relay.hear_clear(ALICE);
        relay.show(&NOT_CAROL, &wish);
        relay.show(&[CAROL], &Said { kind: "message", ..wish });
    }),
    ("shows a newcomer the whole history", "dora", |relay| {
        let start = relay.standing(ALICE);
        let said = [relay.say(ALICE, "one"), relay.say(BOB, "two")];
        relay.join("dora", &said, start);
    }),
    ("shows a newcomer a shortened history", "dora", |relay| {
        relay.say(ALICE, "one");
        let start = relay.standing(ALICE);
        let said = [relay.say(BOB, "two")];
        relay.join("dora", &said, start);
    }),
    ("shows a newcomer a history with a gap", "dora", |relay| {
        let start = relay.standing(ALICE);
        let [one, _, three] = ["one", "two", "three"].map(|text| relay.say(ALICE, text));
        relay.join("dora", &[one, three], start);
    }),
    ("shows a newcomer a history from elsewhere", "dora", |relay| {
        let said = relay.say(ALICE, "one");
        relay.join("dora", &[said], (3, ChainHash::GENESIS));
    }),
    ("hides the first message of a newcomer", "carol", |relay| {
        let start = relay.standing(ALICE);
        let dora = relay.join("dora", &[], start);
        let said = relay.hear(dora, "first");
        relay.show(&[ALICE, BOB, dora], &said);
        relay.say(dora, "second");
    }),
    ("says that somebody left who did not", "carol", |relay| {
        relay.tell(CAROL, &json!({"type": "user_left", "user_id": "id-0"}));
    }),
    ("and an insider write as alice", "all", |relay| {
        let said = from_an_insider(relay);
        relay.show(&ALL, &said);
    }),
];

/// Lets time pass while the relay keeps every connection alive.
fn awake(relay: &mut MaliciousServer, seconds: u64) {
    for _ in 0..seconds {
        relay.pass(Duration::from_secs(1));
        for place in relay.present() {
            relay.tell(place, &json!({"type": "pong"}));
        }
    }
}

/// Returns a message in alice's name, forged by another holder of the room key.
fn from_an_insider(relay: &mut MaliciousServer) -> Said {
    let said = relay.hear(ALICE, "I agree");
    let key = room_key(&password(PASSWORD), &[0; 16]);
    let mut envelope = key.open(&said.token).unwrap().text.to_vec();
    let at = envelope.windows(7).position(|text| text == b"I agree").unwrap();
    envelope[at..at + 7].copy_from_slice(b"I doubt");
    let token = key.seal(epoch().unix_seconds(Tick::ZERO), [7; 16], &envelope);
    Said { token, ..said }
}

fn play(what: &str, to: &str, lie: fn(&mut MaliciousServer)) -> Row {
    let mut relay = MaliciousServer::default();
    for name in ["alice", "bob", "carol"] {
        relay.join(name, &[], (0, ChainHash::GENESIS));
    }
    for who in ALL {
        relay.say(who, "before");
    }
    lie(&mut relay);
    for who in relay.present() {
        relay.say(who, "afterwards");
    }
    awake(&mut relay, 11);

    let mut told = Vec::new();
    for (place, name) in relay.names().iter().enumerate() {
        let lines: Vec<_> = relay.told(place).into_iter().filter(|line| is_odd(line)).collect();
        if !lines.is_empty() {
            told.push(format!("{name}: {}", lines.join("; ")));
        }
    }
    let told = if told.is_empty() { "nobody anything".to_owned() } else { told.join("<br>") };
    let mut codes: Vec<_> = relay.present().into_iter().map(|place| relay.code(place)).collect();
    codes.dedup();
    let codes = if codes.len() == 1 { "equal" } else { "differ" };
    [what.to_owned(), to.to_owned(), told, codes.to_owned()]
}

/// Returns whether an event does not occur in an ordinary conversation.
fn is_odd(line: &str) -> bool {
    let signs = ["!!", "rejected", "unreadable", "ended", "overdue", "cleared", " left ("];
    signs.iter().any(|sign| line.contains(sign))
}
