//! Conversations over sealed links, as in `transcripts.rs`: after a login only records
//! appear on the wire, and events are decrypted.

use cmdchat_core::{
    client::{LoginFailure, Mode},
    room_kind::RoomKind,
    server::Limits,
};
use cmdchat_tests::{Chunking, Harness, PASSWORD, check, check_in};

fn classic(script: impl AsyncFn(&Harness)) -> String {
    check(&Limits::default(), script)
}

fn strict(script: impl AsyncFn(&Harness)) -> String {
    check_in(RoomKind::Strict, &Limits::default(), script)
}

#[test]
fn both_protocols_in_one_classic_room() {
    insta::assert_snapshot!(classic(async |stage| {
        let open = stage.join("open").await;
        stage.pause(10).await;
        open.say("said before").await;
        stage.pause(10).await;
        let sealed = stage.join_sealed("sealed").await;
        stage.pause(10).await;
        sealed.say("and [b]this").await;
        stage.pause(10).await;
        open.clear().await;
        stage.pause(10).await;
        sealed.say("behind the clear").await;
        stage.pause(10).await;
        let _late = stage.join("late").await;
        let _later = stage.join_sealed("later").await;
        stage.pause(10).await;
        sealed.compare().await;
        stage.pause(10).await;
        sealed.finish().await;
        stage.pause(10).await;
        open.finish().await;
        stage.pause(10).await;
    }));
}

#[test]
fn strict_room_session() {
    insta::assert_snapshot!(strict(async |stage| {
        let alice = stage.join_sealed("alice").await;
        stage.pause(10).await;
        alice.say("nobody but us").await;
        stage.pause(10).await;
        alice.say("two").await;
        stage.pause(10).await;
        let bob = stage.join_sealed("bob").await;
        stage.pause(10).await;
        bob.say("[/x] is only text here").await;
        stage.pause(10).await;
        stage.remark("both saw the same");
        alice.compare().await;
        bob.compare().await;
        stage.pause(10).await;
        bob.clear().await;
        stage.pause(10).await;
        alice.say("after the wipe").await;
        stage.pause(10).await;
        let carol = stage.join_sealed("carol").await;
        stage.pause(10).await;
        carol.say("me too").await;
        carol.compare().await;
        stage.pause(10).await;
        bob.finish().await;
        stage.pause(10).await;
        stage.stop();
        stage.pause(10).await;
    }));
}

#[test]
fn strict_room_login_rejections() {
    insta::assert_snapshot!(strict(async |stage| {
        let old = stage.try_join("old", PASSWORD, stage.link()).await;
        assert!(old.is_err(), "a strict room has no protocol 1");
        let wrong = stage.try_join_as(stage.guest("eve", "guess"), stage.link()).await;
        assert!(wrong.is_err());
        let _alice = stage.join_sealed("alice").await;
        stage.remark("in protocol 2 only who knows the password hears that a name is taken");
        let twin = stage.try_join_as(stage.guest("ALICE", PASSWORD), stage.link()).await;
        assert!(twin.is_err());
        let eve = stage.try_join_as(stage.guest("alice", "guess"), stage.link()).await;
        assert!(eve.is_err());
        stage.pause(1_100).await;
    }));
}

#[test]
fn client_requirements_are_enforced() {
    insta::assert_snapshot!(classic(async |stage| {
        let strict = stage.guest("bob", PASSWORD).require_mode(Mode::Strict);
        let refused = stage.try_join_as(strict, stage.link()).await.err();
        assert_eq!(refused, Some(LoginFailure::TooWeak(Mode::Sealed)));
        let sealed = stage.guest("bob", PASSWORD).require_mode(Mode::Sealed);
        let bob = stage.try_join_as(sealed, stage.link()).await;
        assert!(bob.is_ok());
        let elsewhere = "12345 12345 12345 12345 12345".parse().expect("25 digits");
        let carol = stage.guest("carol", PASSWORD).pin_room(elsewhere);
        let refused = stage.try_join_as(carol, stage.link()).await.err();
        assert_eq!(refused, Some(LoginFailure::WrongRoom));
        stage.pause(10).await;
    }));
}

#[test]
fn silent_member_is_pinged_then_times_out() {
    // No snapshot: both sides send a ping at the same instant, and the chunking decides
    // which is first.
    let stage = Harness::new(RoomKind::Classic, Limits::default(), Chunking::Coalesced);
    let transcript = stage.play(async |stage| {
        let alice = stage.join_sealed("alice").await;
        stage.remark("the two ask each other for signs of life, and nothing else happens");
        stage.pause(100_000).await;
        stage.remark("one who says nothing at all");
        let mut mute = stage.raw_member_as(stage.guest("mute", PASSWORD), stage.link()).await;
        mute.listen();
        stage.pause(100_000).await;
        alice.leave().await;
        stage.pause(10).await;
    });
    let seen = |line: &str| transcript.contains(line);
    // Its last line was line 3 of its login.
    assert!(seen(" 190.007 host     * mute was silent (1 present)"), "{transcript}");
    assert!(seen(" 200.009 host     * alice left (0 present)"), "{transcript}");
    assert!(!seen("alice was silent") && !seen("ended: Silent"), "{transcript}");
}
