//! Snapshot tests of the full screen in many states. Read each changed snapshot
//! before you accept it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

#[path = "common/ui_fixture.rs"]
mod ui_fixture;

use cmdchat::{
    invite::{Instructions, Invite},
    ui::{
        keymap::{Action, EditAction, ScrollAction},
        model::{Msg, Settings, TimeFormat},
        theme::Theme,
    },
};
use cmdchat_core::client::{
    Event, Message, Mode, RejectReason, RejectedMessage, RoomState, SendId, Warning,
};
use cmdchat_core::crypto::srp::Salt;
use cmdchat_core::fingerprint::RoomHash;
use cmdchat_core::room_kind::RoomKind;
use cmdchat_core::strict_room::{hash_chain::ChainHash, member_key::KeyId};
use insta::assert_snapshot;
use ui_fixture::{Scene, message, untrusted};

/// Plays a few minutes of conversation.
fn talk(scene: &mut Scene) {
    scene.says("bob", "hello, this is the new room");
    scene.says("carol", "a longer line that does not fit wraps under its own text, not under the name of whoever says it");
    scene.waits(60);
    scene.says("bob", "@alice are you there?");
    scene.says("carol", "/me waves");
    scene.enter("yes");
    scene.echoes("yes");
    scene.enter("two lines,\none message");
}

#[test]
fn conversation_at_80x24() {
    let mut scene = Scene::new(80, 24);
    talk(&mut scene);
    scene.types("first line of my draft");
    assert_snapshot!(scene.seen());
}

#[test]
fn conversation_at_40x10() {
    let mut scene = Scene::new(40, 10);
    talk(&mut scene);
    assert_snapshot!(scene.seen());
}

#[test]
fn conversation_at_200x60() {
    let mut scene = Scene::new(200, 60);
    talk(&mut scene);
    assert_snapshot!(scene.seen());
}

#[test]
fn member_list_toggle() {
    let mut scene = Scene::new(100, 14);
    talk(&mut scene);
    for number in 1..12 {
        scene.joins(&format!("guest{number}"), 4 + number);
    }
    assert_snapshot!("members_shown", scene.seen());
    scene.press(Action::Members);
    assert_snapshot!("members_hidden", scene.seen());
}

#[test]
fn too_small() {
    let mut scene = Scene::new(19, 10);
    talk(&mut scene);
    scene.types("still typing");
    assert_snapshot!("too_small", scene.seen());
    scene.resizes(20, 5);
    assert_snapshot!("smallest", scene.seen());
}

#[test]
fn wide_characters() {
    let mut scene = Scene::empty(40, 12, Settings::default());
    scene.enters(Mode::Sealed, &["alice", "名前の長い人の名前です"], Vec::new());
    scene.says(
        "名前の長い人の名前です",
        "日本語のテキストは単語の間に空白がないので、どこでも折り返せます",
    );
    scene.types("漢字と kana");
    assert_snapshot!(scene.seen());
}

#[test]
fn emoji() {
    let mut scene = Scene::new(40, 12);
    scene.says("bob", "👨‍👩‍👧 family, 🇩🇪 flag, 👍🏽 thumb, ❤️ heart, 1️⃣ key");
    scene.says("carol", &"🎉".repeat(20));
    scene.types("👩‍💻 ok");
    assert_snapshot!(scene.seen());
}

/// Right-to-left text is written in logical order, and the terminal reorders it.
/// Each message has its own rows.
#[test]
fn right_to_left() {
    let mut scene = Scene::new(60, 12);
    scene.says("bob", "שלום לכולם, מה שלומכם היום? אני כותב שורה ארוכה");
    scene.says("carol", "مرحبا \u{202E}abc\u{202C} بالعالم");
    assert_snapshot!(scene.seen());
}

#[test]
fn multiline_draft() {
    let mut scene = Scene::new(60, 16);
    talk(&mut scene);
    scene.types("one\ntwo\nthree\nfour\nfive");
    assert_snapshot!("draft_of_5_lines", scene.seen());
    scene.types("\nsix\nseven");
    assert_snapshot!("draft_of_7_lines", scene.seen());
}

#[test]
fn long_draft_shows_its_length() {
    let mut scene = Scene::new(60, 12);
    scene.pastes(&"x".repeat(15_204));
    assert_snapshot!(scene.seen());
}

#[test]
fn new_messages_below() {
    let mut scene = Scene::new(60, 14);
    for number in 0..30 {
        scene.says("bob", &format!("message {number}"));
    }
    scene.press(Action::Scroll(ScrollAction::PageUp));
    for number in 30..33 {
        scene.says("carol", &format!("message {number}"));
    }
    assert_snapshot!("three_new_messages_below", scene.seen());
    scene.press(Action::Edit(EditAction::End));
    assert_snapshot!("scrolled_back_to_end", scene.seen());
}

#[test]
fn unread_marker_after_focus_loss() {
    let mut scene = Scene::new(60, 12);
    scene.says("bob", "seen");
    scene.update(Msg::Focus(false));
    scene.says("bob", "not seen");
    scene.says("carol", "nor this");
    scene.update(Msg::Focus(true));
    assert_snapshot!(scene.seen());
}

#[test]
fn lost_connection_states() {
    let mut scene = Scene::new(80, 12);
    scene.enter("sent and not heard");
    scene.types("half a thought");
    let next = scene.tick().saturating_add(std::time::Duration::from_millis(3_600));
    scene.update(Msg::Waiting(next));
    assert_snapshot!("waiting", scene.seen());
    scene.press(Action::Enter);
    assert_snapshot!("offline_enter", scene.seen());
    scene.waits(12);
    scene.update(Msg::Trying);
    assert_snapshot!("trying", scene.seen());
    let own = Some(SendId(0));
    let entry = Message { own, ..message("alice", "sent and not heard", scene.wall()) };
    scene.enters(Mode::Strict, &["alice", "bob"], vec![entry]);
    assert_snapshot!("back", scene.seen());
}

#[test]
fn locked() {
    let mut scene = Scene::new(60, 12);
    scene.says("bob", "for nobody else");
    scene.types("half a thought");
    scene.press(Action::Lock);
    assert_snapshot!("locked", scene.seen());
    scene.says("carol", "nor this");
    scene.enter("guess");
    scene.update(Msg::Unlocked(false));
    assert_snapshot!("locked_after_wrong_passphrase", scene.seen());
    scene.update(Msg::Unlocked(true));
    assert_snapshot!("unlocked", scene.seen());
}

#[test]
fn pending_or_overdue_messages() {
    let mut scene = Scene::new(60, 12);
    scene.enter("on its way");
    scene.enter("/me is too");
    scene.hears(Event::Unacknowledged(SendId(0)));
    assert_snapshot!(scene.seen());
}

#[test]
fn ascii_interface() {
    let settings = Settings { ascii: true, ..Settings::default() };
    let mut scene = Scene::with(100, 14, settings);
    talk(&mut scene);
    scene.joins("erin", 5);
    scene.leaves("erin", 4);
    let seen = scene.seen().replace('│', "");
    assert!(seen.is_ascii(), "{seen}");
    assert_snapshot!(seen);
}

#[test]
fn colour_modes() {
    let mut scene = Scene::new(80, 14);
    talk(&mut scene);
    scene.hears(Event::Rejected(RejectedMessage {
        author: untrusted("bob"),
        why: RejectReason::Replayed,
    }));
    assert_snapshot!("colours", scene.styles());
    scene.look = Theme { colours: false, ascii: false };
    let styles = scene.styles();
    assert!(styles.lines().all(|line| line.starts_with("Reset ")), "{styles}");
    assert_snapshot!("no_colours", styles);
}

#[test]
fn paste_preview() {
    let mut scene = Scene::new(72, 16);
    scene.pastes(&(1..=12).map(|line| format!("line {line}\n")).collect::<String>());
    assert_snapshot!("paste", scene.seen());
    scene.press(Action::Edit(EditAction::NewLine));
    assert_snapshot!("paste_joined", scene.seen());
}

#[test]
fn search_results() {
    let mut scene = Scene::new(60, 14);
    for number in 0..40 {
        let what = if number % 10 == 3 { "the invoice" } else { "nothing" };
        scene.says("bob", &format!("{what} {number}"));
    }
    scene.enter("/find INVOICE");
    scene.press(Action::Enter);
    assert_snapshot!("found", scene.seen());
    scene.types("x");
    assert_snapshot!("not_found", scene.seen());
}

#[test]
fn command_output() {
    let mut scene = Scene::new(80, 30);
    scene.says("bob", "pay \u{202E}drawer\u{202C} here");
    for command in ["/help", "/who", "/show", "/verify 12345-67890-12345-67890-12345"] {
        scene.enter(command);
    }
    scene.enter("/whoo");
    assert_snapshot!("answers", scene.seen());
    scene.enter("/verify 12345-67890-12345-67890-12346");
    scene.enter("/verify");
    let room = RoomHash::new(RoomKind::Strict, &[1; 16], &Salt::from([2; 16]));
    let members = Some(vec![KeyId::from([3; 16])]);
    let state = RoomState { room, view: Some((17, ChainHash::GENESIS)), members };
    scene.hears(Event::RoomState(state.clone()));
    scene.enter("/verify");
    scene.hears(Event::RoomState(state));
    scene.enter("/ignore bbo");
    assert_snapshot!("more_answers", scene.seen());
}

#[test]
fn presence_notices_are_merged() {
    let mut scene = Scene::new(60, 12);
    for (number, name) in ["erin", "frank"].into_iter().enumerate() {
        scene.joins(name, 5 + number);
    }
    scene.leaves("bob", 5);
    scene.says("carol", "who was that?");
    scene.leaves("erin", 4);
    assert_snapshot!("presence", scene.seen());
    scene.enter("/quiet");
    assert_snapshot!("presence_hidden", scene.seen());
}

#[test]
fn day_separator() {
    let mut scene = Scene::new(60, 12);
    scene.says("bob", "late");
    scene.waits(10 * 3_600);
    scene.says("bob", "early");
    assert_snapshot!("day", scene.seen());
    scene.enter("/time full");
    assert_snapshot!("full_times", scene.seen());
}

#[test]
fn implausible_timestamps() {
    let settings = Settings { clock: TimeFormat::Utc, ..Settings::default() };
    let mut scene = Scene::with(60, 10, settings);
    let early = scene.wall().checked_sub(jiff::SignedDuration::from_mins(7)).unwrap();
    scene.hears(Event::Message(message("bob", "from the past", early)));
    assert_snapshot!(scene.seen());
}

#[test]
fn message_warnings() {
    let mut scene = Scene::new(80, 14);
    let doubts = vec![Warning::Missing(2), Warning::Clock];
    let odd = Message { doubts, ..message("bob", "and so on", scene.wall()) };
    scene.hears(Event::Message(odd));
    scene.hears(Event::Rejected(RejectedMessage {
        author: untrusted("bob"),
        why: RejectReason::Forged { claimed: untrusted("mallory"), id: KeyId::from([3; 16]) },
    }));
    let unread = Message { text: None, ..message("carol", "", scene.wall()) };
    scene.hears(Event::Message(unread));
    scene.hears(Event::Notice(untrusted("too many \u{1B}[31mwrong passphrases")));
    assert_snapshot!(scene.seen());
}

#[test]
fn hostile_text_with_confusable_names() {
    let mut scene = Scene::new(72, 16);
    scene.says("b\u{43E}b", "I am bob");
    scene.says("eve\u{1B}[2J", "\u{1B}]0;title\u{7} \u{9B}6n \u{202E}rtl\u{202C} a\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}b");
    scene.says("x\n -- fake", "line\r14:00 bob: forged\u{2028}third");
    assert_snapshot!(scene.seen());
}

/// Characters that a widget would pass to the terminal, each in a name, in a message
/// and in a notice from the server.
#[test]
fn cells_contain_no_invisible_characters() {
    let hidden = [
        '\u{1B}',
        '\u{7}',
        '\u{9B}',
        '\r',
        '\t',
        '\u{85}',
        '\u{202E}',
        '\u{2067}',
        '\u{200E}',
        '\u{200B}',
        '\u{2060}',
        '\u{FEFF}',
        '\u{AD}',
        '\u{3164}',
        '\u{200D}',
        '\u{200C}',
        '\u{E0041}',
        '\u{2028}',
    ];
    for point in hidden {
        let text = format!("a{point}b");
        let mut scene = Scene::new(60, 24);
        scene.says(&text, &text);
        scene.says("bob", &format!("/me {text}"));
        scene.joins(&text, 5);
        scene.hears(Event::Notice(untrusted(&text)));
        scene.hears(Event::HistoryCleared(Some(untrusted(&text)), Vec::new()));
        scene.says(&text, &text);
        scene.enter("/show");
        scene.types(&text);
        let frame = scene.frame();
        let cells = frame.buffer.content.iter().map(ratatui_core::buffer::Cell::symbol);
        assert!(!cells.collect::<String>().contains(point), "{point:?}: {}", scene.seen());
    }
    // A cell has a limited number of combining marks and at most two columns.
    let mut scene = Scene::new(60, 24);
    scene.says("bob", &format!("x{}", "\u{301}".repeat(50)));
    let frame = scene.frame();
    let most = frame.buffer.content.iter().map(|cell| cell.symbol().chars().count()).max();
    assert_eq!(most, Some(5));
}

#[test]
fn invite_qr_code() {
    let Invite { place, code } =
        Invite::read("cmdchat://192.168.1.20:3000/#oak-tidy-zoom").unwrap();
    let mut scene = Scene::new(44, 25).invited(Instructions::for_member(place, code.unwrap()));
    scene.enter("/invite qr");
    assert_snapshot!("invite_qr_drawn", scene.seen());
    scene.resizes(43, 25);
    scene.enter("/clear");
    scene.enter("/invite qr");
    assert_snapshot!("invite_qr_too_wide", scene.seen());
}
