//! Tests of the conversion of events into JSON objects.

use cmdchat_core::client::{
    Message, Mode, RejectReason, RejectedMessage, RoomState, Sender, Warning, Welcome,
};
use cmdchat_core::crypto::srp::Salt;
use cmdchat_core::fingerprint::RoomHash;
use cmdchat_core::room_kind::RoomKind;
use cmdchat_core::strict_room::{hash_chain::ChainHash, member_key::KeyId};
use cmdchat_core::untrusted::Untrusted;
use cmdchat_core::username::Username;
use jiff::Timestamp;

use crate::json::events;
use crate::json::output::{JsonEvent, line};

const FINGERPRINT: &str = "12345 67890 11111 22222 33333";

fn untrusted(text: &str) -> Untrusted {
    Untrusted::new(text.into())
}

fn me() -> Username {
    Username::new("alice").unwrap()
}

fn message(text: Option<&str>, doubts: &[Warning]) -> Message {
    let text = text.map(untrusted);
    Message {
        author: untrusted("bob"),
        sender: None,
        id: None,
        text,
        at: None,
        own: None,
        doubts: doubts.to_vec(),
    }
}

/// Returns the line of an object without the fields common to all.
fn body(what: &JsonEvent<'_>) -> String {
    let line = line(what, Timestamp::UNIX_EPOCH).to_string();
    let body = line.strip_prefix(r#"{"v":1,"type":""#).unwrap();
    body.strip_suffix(r#","ts":"1970-01-01T00:00:00.000Z"}"#).unwrap().to_owned()
}

#[test]
fn ready_event_describes_the_room() {
    for (mode, words) in [
        (Mode::Plaintext, r#""mode":"classic","sealed":false"#),
        (Mode::Sealed, r#""mode":"classic","sealed":true"#),
        (Mode::Strict, r#""mode":"strict","sealed":true"#),
    ] {
        let welcome = Welcome {
            mode,
            fingerprint: FINGERPRINT.parse().unwrap(),
            members: ["bob", "alice", "carol"].map(untrusted).into(),
            history: vec![message(Some("x"), &[])],
        };
        assert_eq!(
            body(&events::ready(&welcome, &me())),
            format!(
                r#"ready",{words},"me":{{"name":"alice"}},"members":[{{"name":"bob"}},{{"name":"carol"}}],"fingerprint":"{FINGERPRINT}","history":1"#
            )
        );
    }
}

#[test]
fn message_events_include_warnings() {
    for (message, lines) in [
        (
            message(Some("hello\nworld"), &[]),
            &[
                r#"message","from":{"name":"bob"},"text":"hello\nworld","own":false,"history":false,"mention":false"#,
            ][..],
        ),
        (
            message(Some("/me waves"), &[]),
            &[
                r#"action","from":{"name":"bob"},"text":"waves","own":false,"history":false,"mention":false"#,
            ],
        ),
        (
            message(Some("Alice?"), &[]),
            &[
                r#"message","from":{"name":"bob"},"text":"Alice?","own":false,"history":false,"mention":true"#,
            ],
        ),
        (message(None, &[]), &[r#"warn","code":"unreadable","from":"bob""#]),
        (
            message(Some("x"), &[Warning::Missing(2), Warning::Clock, Warning::SplitView]),
            &[
                r#"warn","code":"gap","from":"bob","count":2"#,
                r#"warn","code":"clock","from":"bob""#,
                r#"warn","code":"split_history","from":"bob""#,
                r#"message","from":{"name":"bob"},"text":"x","own":false,"history":false,"mention":false"#,
            ],
        ),
    ] {
        let objects = events::said(&message, &me(), false);
        assert_eq!(objects.iter().map(body).collect::<Vec<_>>(), lines);
    }
}

#[test]
fn rejected_messages_become_warn_events() {
    for (why, line) in [
        (
            RejectReason::Forged { claimed: untrusted("eve"), id: key_id() },
            r#"warn","code":"forged","from":"bob","written_by":"eve""#,
        ),
        (RejectReason::Altered, r#"warn","code":"altered","from":"bob""#),
        (RejectReason::Replayed, r#"warn","code":"duplicate","from":"bob""#),
    ] {
        assert_eq!(
            body(&events::rejected(&RejectedMessage { author: untrusted("bob"), why })),
            line
        );
    }
}

fn key_id() -> KeyId {
    KeyId::from([0x5a; 16])
}

#[test]
fn strict_message_names_its_author_by_key() {
    let sender = Sender { id: key_id(), is_verified: true, needs_tag: false, has_other_key: false };
    let message =
        Message { sender: Some(sender), id: Some(untrusted("5a-01")), ..message(Some("x"), &[]) };
    let objects = events::said(&message, &me(), false);
    let id = "5a".repeat(16);
    assert_eq!(
        objects.iter().map(body).collect::<Vec<_>>(),
        [format!(
            r##"message","id":"5a-01","from":{{"name":"bob","id":"{id}","tag":"#ljnf","verified":true}},"text":"x","own":false,"history":false,"mention":false"##
        )]
    );
}

#[test]
fn room_state_event_has_the_numbers_to_compare() {
    let room = RoomHash::new(RoomKind::Strict, &[1; 16], &Salt::from([2; 16]));
    let fingerprint = room.fingerprint();
    let classic = RoomState { room, view: None, members: None };
    assert_eq!(
        body(&events::room_state(&classic)),
        format!(r#"room_state","fingerprint":"{fingerprint}""#)
    );
    let view = Some((7, ChainHash::GENESIS));
    let strict = RoomState { room, view, members: Some(vec![key_id()]) };
    let (roll_call, conversation) = (strict.roll_call().unwrap(), strict.conversation().unwrap());
    assert_eq!(
        body(&events::room_state(&strict)),
        format!(
            r#"room_state","fingerprint":"{fingerprint}","roll_call":"{roll_call}","conversation":"{conversation}","number":7"#
        )
    );
}

#[test]
fn json_text_cannot_break_its_line() {
    let attack = message(Some("\u{1B}[2J\r\n{\"v\":1}\u{202E}\u{2028}"), &[]);
    let lines: Vec<_> = events::said(&attack, &me(), true).iter().map(body).collect();
    assert_eq!(
        lines,
        [
            r#"message","from":{"name":"bob"},"text":"\u001b[2J\r\n{\"v\":1}\u202e\u2028","own":false,"history":true,"mention":false"#
        ]
    );
}
