//! Property tests. Further properties are in core, next to their subjects: the JSON
//! readers, damaged tokens, the broadcast log.

use std::{ops::RangeInclusive, sync::LazyLock, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use cmdchat_core::{
    client::{Event, Welcome},
    crypto::fernet::{DecryptError, RoomKey},
    secret::Secret,
    server::{Inbound, LeaveReason, Limits, Rate, RequestReader},
    time::Tick,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    username::{Username, UsernameError},
    wire::{FernetToken, Request},
};
use cmdchat_tests::{Client, ScriptedServer, TestServer, python_json};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

// ---- Lines

/// A line as returned by [`LineDecoder::next_line`].
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Whole(Vec<u8>),
    Last(Vec<u8>),
    End,
    TooLong,
}

/// Returns the expected lines of `stream`, which do not depend on its chunking.
fn lines_of(stream: &[u8], bound: usize) -> Vec<Taken> {
    let mut lines: Vec<_> = stream.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let last = lines.pop().unwrap_or_default();
    let mut taken: Vec<_> = lines.into_iter().map(Taken::Whole).collect();
    taken.extend((!last.is_empty()).then_some(Taken::Last(last)));
    let too_long = taken.iter().position(|line| match line {
        Taken::Whole(line) | Taken::Last(line) => line.len() > bound,
        Taken::End | Taken::TooLong => false,
    });
    if let Some(at) = too_long {
        taken.truncate(at);
    }
    taken.push(if too_long.is_some() { Taken::TooLong } else { Taken::End });
    taken
}

/// Takes at most this many lines.
fn take(decoder: &mut LineDecoder, most: usize, taken: &mut Vec<Taken>) {
    for _ in 0..most {
        taken.push(match decoder.next_line() {
            Ok(Line::Complete(line)) => Taken::Whole(line.to_vec()),
            Ok(Line::Unterminated(line)) => Taken::Last(line.to_vec()),
            Ok(Line::Incomplete) => return,
            Ok(Line::Eof) => Taken::End,
            Err(LineTooLong) => Taken::TooLong,
        });
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn line_decoder_is_independent_of_chunking(
        stream in vec(prop_oneof![3 => Just(b'\n'), 7 => any::<u8>()], 0..200),
        bound in prop_oneof![0_usize..20, Just(1_000)],
        pieces in vec((1_usize..30, 0_usize..4), 1..40),
    ) {
        let mut decoder = LineDecoder::new(bound);
        let (mut taken, mut rest) = (Vec::new(), stream.as_slice());
        for (size, lines) in pieces.iter().cycle() {
            let (piece, behind) = rest.split_at(rest.len().min(*size));
            decoder.feed(piece);
            take(&mut decoder, *lines, &mut taken);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        decoder.feed_eof();
        take(&mut decoder, stream.len() + 3, &mut taken);
        // A decoder that cannot read further returns the same error again and again.
        let expected = lines_of(&stream, bound);
        let last = expected.last().expect("an end");
        prop_assert!(taken.len() > expected.len());
        prop_assert!(taken[expected.len()..].iter().all(|again| again == last));
        prop_assert_eq!(&taken[..expected.len()], &expected[..]);
    }
}

// ---- Tokens

fn room_key(key: &[u8; 32]) -> RoomKey {
    RoomKey::new(&Secret::take(&mut key.clone()))
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn fernet_tokens_round_trip(
        key: [u8; 32], at: u64, iv: [u8; 16], text in vec(any::<u8>(), 0..300),
    ) {
        let opened = room_key(&key).open(&room_key(&key).seal(at, iv, &text));
        let opened = opened.map(|opened| (opened.unix_seconds, opened.text.to_vec()));
        prop_assert_eq!(opened, Ok((at, text)));
    }

    #[test]
    fn modified_tokens_fail_to_decrypt(
        key: [u8; 32], iv: [u8; 16], text in vec(any::<u8>(), 0..100),
        place: Index, bit in 0..8_u32, other: [u8; 32], more in vec(any::<u8>(), 1..40),
    ) {
        prop_assume!(key != other);
        let token = room_key(&key).seal(1_700_000_000, iv, &text);
        let bytes = URL_SAFE.decode(&token).expect("a token is base64url");
        let open = |bytes: &[u8]| room_key(&key).open(&URL_SAFE.encode(bytes));

        let mut flipped = bytes.clone();
        *place.get_mut(&mut flipped) ^= 1 << bit;
        prop_assert_eq!(open(&flipped), Err(DecryptError));
        let at = place.index(bytes.len());
        prop_assert_eq!(open(&bytes[..at]), Err(DecryptError));
        prop_assert_eq!(open(&bytes[at + 1..]), Err(DecryptError));
        prop_assert_eq!(open(&[&bytes[..], &more].concat()), Err(DecryptError));
        prop_assert_eq!(open(&[&more[..], &bytes].concat()), Err(DecryptError));
        prop_assert_eq!(open(&[&bytes[..at], &more, &bytes[at..]].concat()), Err(DecryptError));
        prop_assert_eq!(room_key(&other).open(&token), Err(DecryptError));
    }
}

// ---- What a server passes on

/// Returns a strategy for JSON values, including those that only Python accepts.
fn odd_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("NaN".to_owned()),
        Just("-Infinity".to_owned()),
        Just("1e999".to_owned()),
        Just(r#""\ud800 x \udfff""#.to_owned()),
        Just(r#""gAAAAA==""#.to_owned()),
        Just(format!("{}5{}", "[".repeat(300), "]".repeat(300))),
        "[0-9]{1,400}".prop_map(|digits| format!("-1{digits}")),
        any::<String>().prop_map(|text| Value::from(text).to_string()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let member = (field(), inner.clone()).prop_map(|(field, value)| format!("{field}:{value}"));
        prop_oneof![
            vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    const FIELDS: [&str; 11] = [
        "type",
        "data",
        "id",
        "text",
        "timestamp",
        "user_ip",
        "username",
        "user_id",
        "users",
        "messages",
        "error",
    ];
    prop::sample::select(FIELDS.to_vec()).prop_map(|field| format!("\"{field}\""))
}

/// Returns a strategy for server lines in which any field may have any value.
fn odd_line() -> impl Strategy<Value = Vec<u8>> {
    const KINDS: [&str; 6] = ["init", "message", "user_joined", "user_left", "cleared", "dance"];
    let member = (field(), odd_value()).prop_map(|(field, value)| format!("{field}:{value}"));
    let line = (prop::sample::select(KINDS.to_vec()), vec(member, 0..5));
    prop_oneof![
        4 => line.prop_map(|(kind, mut members)| {
            members.insert(0, format!("\"type\":\"{kind}\""));
            format!("{{{}}}", members.join(",")).into_bytes()
        }),
        1 => odd_value().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..100),
        1 => Just(vec![b'['; 200_000]),
    ]
    .prop_map(|mut line| {
        line.retain(|byte| *byte != b'\n');
        line
    })
}

/// Returns a client after its login.
fn member() -> Client {
    let (mut client, server) = (Client::new("alice"), ScriptedServer::new());
    let line_1 = client.lines().concat();
    client.hear_line(&server.challenge().to_string());
    let line_3 = client.lines().concat();
    let line_4 = server.confirmation(&line_1, &line_3).expect("both know the password");
    client.hear_line(&line_4.to_string());
    client.hear_line(r#"{"type":"init"}"#);
    client.events();
    client
}

proptest! {
    #![proptest_config(cases(128))]

    /// No line ends a client's session or prevents it from reading the next line.
    #[test]
    fn client_survives_any_server_line(lines in vec(odd_line(), 0..6)) {
        let mut client = member();
        client.say("good");
        let said: Value = serde_json::from_str(&client.lines().concat()).expect("JSON");
        let good = json!({"type": "message", "data": {
            "id": "5e4ae70d-4e9b-4fd3-a319-36966a72f316", "text": said["text"],
            "timestamp": "2026-11-23T15:00:00+00:00", "user_ip": "", "username": "alice",
        }});
        for line in &lines {
            client.hear(line);
            client.hear(b"\n");
            prop_assert!(client.events().len() <= 1, "a line is at most one event");
        }
        client.hear_line(&python_json(&good));
        let events = client.events();
        let [Event::Message(message)] = events.as_slice() else { panic!("{events:?}") };
        prop_assert_eq!(message.text.as_ref().map(|text| text.raw()), Some("good"));
        prop_assert_eq!(message.author.raw(), "alice");
        prop_assert!(message.own.is_some() && message.at.is_some());
    }
}

#[test]
fn repeated_init_replaces_the_members() {
    let mut client = member();
    client.hear_line(r#"{"type":"init","users":[{"user_id":"1","username":"bob"}]}"#);
    let events = client.events();
    let [Event::Ready(welcome)] = events.as_slice() else { panic!("{events:?}") };
    let members: Vec<_> = welcome.members.iter().map(|name| name.raw()).collect();
    assert_eq!(members, ["bob"]);
    client.hear_line(r#"{"type":"user_left","user_id":"1"}"#);
    let events = client.events();
    assert!(matches!(&*events, [Event::Left(name, 0)] if name.raw() == "bob"), "{events:?}");
}

// ---- Names

/// The character list of PROTOCOL 3.2, verbatim.
const NEVER_IN_A_NAME: &str = "0000-001F, 007F-00A0, 00AD, 061C, 115F, 1160, 180E, 1680, 17B4-17B5, 180B-180F, 1BCA0-1BCA3, 034F, FE00-FE0F, 2000-200F, 2028-202F, 205F-206F, 2800, \
    3000, 3164, FEFF, FFA0, FFF0-FFFF, E000-F8FF, 1D173-1D17A, E0000-10FFFF";

fn is_never_in_a_name(c: char) -> bool {
    static RANGES: LazyLock<Vec<RangeInclusive<u32>>> = LazyLock::new(|| {
        let number = |hex| u32::from_str_radix(hex, 16).expect("hex");
        let ranges = NEVER_IN_A_NAME.split(", ").map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            number(first)..=number(last)
        });
        ranges.collect()
    });
    c == '[' || RANGES.iter().any(|range| range.contains(&u32::from(c)))
}

#[test]
fn username_characters_follow_the_protocol() {
    for c in '\0'..=char::MAX {
        let text = ['a', c, 'b'].iter().collect::<String>();
        let judged = Username::new(&text).map(|_| ());
        let expected =
            if is_never_in_a_name(c) { Err(UsernameError::Forbidden(c)) } else { Ok(()) };
        assert_eq!(judged, expected, "U+{:04X}", u32::from(c));
    }
}

#[test]
fn username_lengths_follow_the_protocol() {
    for c in ["a", "é", "漢", "😀"] {
        for count in 0..=140 {
            let fits = (1..=32).contains(&count) && c.len() * count <= 128;
            assert_eq!(Username::new(&c.repeat(count)).is_ok(), fits, "{count} of {c}");
        }
    }
    for (name, right) in [("a b", true), (" a", false), ("a ", false), (" ", false), ("", false)] {
        assert_eq!(Username::new(name).is_ok(), right, "{name:?}");
    }
}

/// Returns a strategy for valid usernames.
fn good_name() -> impl Strategy<Value = String> {
    let c = prop_oneof![2 => prop::char::range(' ', '~'), 3 => any::<char>()];
    vec(c, 1..=32).prop_filter_map("no proper name", |chars| {
        let name: String = chars.into_iter().filter(|c| !is_never_in_a_name(*c)).collect();
        let name = name.trim_matches(' ');
        (!name.is_empty() && name.to_lowercase() != "alice").then(|| name.to_owned())
    })
}

proptest! {
    #![proptest_config(cases(64))]

    /// Messages reach all members unchanged, with every line spelled as by this
    /// implementation and as by Python.
    #[test]
    fn valid_username_is_identical_for_every_member(name in good_name()) {
        let as_python: fn(&str) -> String =
            |line| python_json(&serde_json::from_str(line).expect("JSON"));
        for spell in [str::to_owned, as_python] {
            let mut house = TestServer::new(&Limits::default());
            let (mut alice, mut other) = (Client::new("alice"), Client::new(&name));
            let number = house.admit(&mut alice);
            alice.events();
            house.admit_through(&mut other, spell);
            let events = other.events();
            let [Event::Ready(Welcome { members, .. })] = events.as_slice() else { panic!("{events:?}") };
            let members: Vec<_> = members.iter().map(|member| member.raw()).collect();
            prop_assert_eq!(members, ["alice", &name]);

            house.lines(number).iter().for_each(|line| alice.hear_line(&spell(line)));
            let events = alice.events();
            let [Event::Joined(joined, 2)] = events.as_slice() else { panic!("{events:?}") };
            prop_assert_eq!(joined.raw(), &name);
        }
    }
}

// ---- Requests of a member

/// Returns a strategy for a line of a member and the request it contains, if any.
fn member_line() -> impl Strategy<Value = (String, Option<Request>)> {
    let say = |text: &str| FernetToken::new(text.to_owned()).map(Request::Message);
    prop_oneof![
        5 => "[A-Za-z0-9_=-]{0,40}".prop_map(move |text| {
            (json!({"type": "message", "text": text}).to_string(), say(&text))
        }),
        1 => Just(("{\"type\":\"clear\"}".to_owned(), Some(Request::ClearHistory(None)))),
        2 => prop::sample::select(&[
            "", "garbage", "{}", r#"{"type":"dance"}"#, r#"{"type":"message","text":5}"#,
            r#"{"type":"message","text":"a b"}"#, r#"{"type":"message","text":"\ud800"}"#,
        ][..]).prop_map(|line| (line.to_owned(), None)),
    ]
}

proptest! {
    #![proptest_config(cases(128))]

    /// All requests of a member arrive in order and no faster than the rate limit, for any
    /// sending speed and chunking.
    #[test]
    fn requests_arrive_in_order_within_the_rate(
        lines in vec(member_line(), 0..60),
        pieces in vec((1_usize..200, 0_u64..2_000), 1..30),
        rate in prop::option::of((1_u32..10, 0_u64..500)),
    ) {
        let rate = rate.map(|(burst, interval)| Rate {
            burst, interval: Duration::from_millis(interval),
        });
        let limits =
            Limits { message_rate: rate, clear_interval: Duration::ZERO, ..Limits::default() };
        let stream: String = lines.iter().flat_map(|(line, _)| [line, "\n"]).collect();
        let (mut intake, mut decoder) = (RequestReader::open(&limits), LineDecoder::new(0));
        let (mut rest, mut pieces) = (stream.as_bytes(), pieces.iter().cycle());
        let (mut now, mut heard, mut ended) = (Tick::ZERO, Vec::new(), false);
        while !ended {
            match intake.next(now, &mut decoder) {
                Inbound::Request(request) => heard.push((now, request)),
                Inbound::WaitUntil(until) => {
                    prop_assert!(until > now, "time must pass");
                    now = until;
                }
                Inbound::NeedsInput(_) if rest.is_empty() => decoder.feed_eof(),
                Inbound::NeedsInput(_) => {
                    let (size, pause) = pieces.next().expect("an endless supply");
                    let (piece, behind) = rest.split_at(rest.len().min(*size));
                    decoder.feed(piece);
                    rest = behind;
                    now = now.saturating_add(Duration::from_millis(*pause));
                }
                Inbound::Closed(LeaveReason::Closed) => ended = true,
                other @ (Inbound::Reply(_) | Inbound::Closed(_)) => panic!("{other:?}"),
            }
        }
        if let Some(Rate { burst, interval }) = rate {
            for (first, (begin, _)) in heard.iter().enumerate() {
                for (count, (end, _)) in (1..).zip(&heard[first..]) {
                    let allowed = end.saturating_duration_since(*begin) + interval * burst;
                    prop_assert!(interval * count <= allowed, "{count} requests in a hurry");
                }
            }
        }
        let expected: Vec<_> = lines.into_iter().filter_map(|(_, request)| request).collect();
        let heard: Vec<_> = heard.into_iter().map(|(_, request)| request).collect();
        prop_assert_eq!(heard, expected);
    }
}
