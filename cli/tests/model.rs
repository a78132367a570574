//! Tests of the user interface model: the effects and status lines that input
//! causes, without a terminal or a server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

#[path = "common/ui_fixture.rs"]
#[allow(dead_code, reason = "each test program uses a part of this")]
mod ui_fixture;

use cmdchat::ui::{
    keymap::{Action, EditAction, ScrollAction},
    model::{Effect, Msg},
};
use cmdchat_core::{
    client::{Event, SendError, SendId},
    wire::MAX_TEXT,
};
use cmdchat_drivers::client::SessionCommand;
use ui_fixture::Scene;

impl Scene {
    /// Returns the pending effects as text.
    fn done(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.model.poll_effect())
            .map(|effect| match &effect {
                Effect::Send(SessionCommand::Send(SendId(number), text)) => {
                    format!("say {number} {}", text.as_str())
                }
                Effect::Copy(text) => {
                    let lines: Vec<_> = text.lines().map(ToString::to_string).collect();
                    format!("copy {}", lines.join("|"))
                }
                Effect::Send(_)
                | Effect::Quit
                | Effect::QuitNow
                | Effect::Panic
                | Effect::CheckPassphrase(_)
                | Effect::Bell
                | Effect::Redraw
                | Effect::Suspend
                | Effect::Retry => format!("{effect:?}"),
            })
            .collect()
    }

    fn status(&mut self) -> String {
        self.model.take_status().map_or_else(String::new, |status| status.to_string())
    }
}

#[test]
fn typed_lines_map_to_effects() {
    let mut scene = Scene::new(80, 24);
    for (typed, done, status) in [
        ("hello", &["say 0 hello"][..], ""),
        ("//etc/passwd", &["say 1 /etc/passwd"], ""),
        ("/me waves", &["say 2 /me waves"], ""),
        ("/whoo", &[], "unknown command /whoo, did you mean /who? (nothing was sent)"),
        ("/msg bob x", &[], "unknown command /msg, see /help (nothing was sent; // sends a slash)"),
        ("/me", &[], "/me TEXT: say what you do: * alice waves"),
        ("/wipe", &[], "clear the history for all (4 online)? confirm with /wipe yes"),
        ("/wipe yes", &["Send(ClearHistory)"], ""),
        ("/verify", &["Send(RequestFingerprint)"], ""),
        ("/quit good night", &["say 3 good night", "Quit"], ""),
    ] {
        scene.enter(typed);
        assert_eq!(scene.done(), done, "{typed}");
        assert_eq!(scene.status(), status, "{typed}");
    }
}

#[test]
fn pasted_text_is_never_run_as_command() {
    let mut scene = Scene::new(80, 24);
    scene.pastes("/quit\n");
    assert_eq!(scene.done(), [""; 0]);
    scene.press(Action::Enter);
    assert_eq!(scene.done(), [""; 0]);
    assert!(scene.status().starts_with("a paste is not run as a command"));
    scene.press(Action::Edit(EditAction::Up));
    scene.press(Action::Edit(EditAction::Home));
    scene.enter("/");
    assert_eq!(scene.done(), ["say 0 /quit"]);
    // The arguments of a typed command may be pasted.
    scene.types("/me ");
    scene.pastes("waves");
    scene.press(Action::Enter);
    assert_eq!(scene.done(), ["say 1 /me waves"]);
}

#[test]
fn quit_requires_confirmation() {
    let mut scene = Scene::new(80, 24);
    scene.press(Action::Interrupt);
    assert_eq!((scene.done(), scene.status().as_str()), (vec![], "Ctrl+C again to leave"));
    scene.waits(3);
    scene.press(Action::Interrupt);
    assert_eq!(scene.done(), [""; 0]);
    scene.press(Action::EndOfInput);
    assert_eq!(scene.done(), ["Quit"]);

    scene.enter("q");
    assert_eq!(scene.status(), "press Enter again to leave, or keep typing");
    scene.enter("no");
    assert_eq!(scene.done(), ["say 0 no"]);
    scene.enter("quit");
    scene.press(Action::Enter);
    assert_eq!(scene.done(), ["Quit"]);
}

#[test]
fn unsendable_draft_is_kept() {
    let mut scene = Scene::new(80, 24);
    scene.pastes(&"x".repeat(MAX_TEXT + 1));
    scene.press(Action::Enter);
    assert_eq!(scene.done(), [""; 0]);
    assert_eq!(scene.status(), "not sent: too long (16 KiB at most)");
    assert_eq!(scene.model.draft().text().len(), MAX_TEXT + 1);
    scene.press(Action::Edit(EditAction::Backspace));
    scene.press(Action::Enter);
    assert_eq!(scene.done().len(), 1);
    // Escaping the text for Python clients can make it exceed the limit after all.
    scene.hears(Event::SendFailed(SendId(0), SendError::TooLong));
    assert_eq!(scene.model.draft().text().len(), MAX_TEXT);
}

#[test]
fn text_that_does_not_fit_the_input_is_reported() {
    let report = "not inserted: too long for the input (64 KiB at most)";
    let mut scene = Scene::new(80, 24);
    scene.pastes(&"x".repeat(70_000));
    assert_eq!(scene.status(), report);
    assert_eq!(scene.model.draft().text(), "");
    scene.pastes(&"x".repeat(65_536));
    assert_eq!(scene.status(), "");
    scene.types("y");
    assert_eq!((scene.model.draft().text().len(), scene.status().as_str()), (65_536, report));
}

#[test]
fn draft_is_kept_while_offline() {
    let mut scene = Scene::new(80, 24);
    scene.update(Msg::Waiting(scene.tick()));
    scene.enter("meanwhile");
    assert_eq!(
        (scene.done(), scene.status().as_str()),
        (vec!["Retry".to_owned()], "not sent: offline, kept in the input")
    );
    assert_eq!(scene.model.draft().text(), "meanwhile");
    scene.press(Action::Interrupt);
    scene.press(Action::Interrupt);
    assert_eq!(scene.done(), ["QuitNow"]);
}

#[test]
fn bell_rings_for_mentions_at_a_limited_rate() {
    let mut scene = Scene::new(80, 24);
    scene.says("bob", "hello");
    assert_eq!(scene.done(), [""; 0]);
    scene.says("bob", "Alice?");
    scene.says("bob", "alice!");
    assert_eq!(scene.done(), ["Bell"]);
    scene.waits(2);
    scene.update(Msg::Focus(true));
    scene.says("bob", "alice!");
    assert_eq!(scene.done(), [""; 0]);
    scene.update(Msg::Focus(false));
    scene.says("bob", "alice!");
    assert_eq!(scene.done(), ["Bell"]);

    scene.waits(2);
    scene.enter("/notify all");
    scene.says("carol", "anything");
    assert_eq!(scene.done(), ["Bell"]);
    scene.waits(2);
    scene.enter("/ignore carol");
    scene.says("carol", "alice, alice!");
    assert_eq!(scene.done(), [""; 0]);
    assert!(!scene.seen().contains("anything"));
    scene.enter("/unignore carol");
    assert!(scene.seen().contains("anything") && scene.seen().contains("alice, alice!"));
}

#[test]
fn copy_command_selects_recent_messages() {
    let mut scene = Scene::new(80, 24);
    scene.says("bob", "first\nline");
    scene.says("bob", "\u{1B}]52;c;evil\u{7}");
    scene.enter("/copy 2");
    assert_eq!(scene.done(), ["copy first|line"]);
    assert_eq!(scene.status(), "copied; clipboard managers may keep it");
    scene.enter("/copy");
    assert_eq!(scene.done(), ["copy ^[]52;c;evil^G"]);
    assert_eq!(scene.status(), "copied");
    scene.enter("/copy 3");
    assert_eq!(scene.status(), "there are fewer messages than that");
    scene.enter("/clear");
    assert!(!scene.seen().contains("first"));
    scene.enter("/copy");
    assert_eq!(
        (scene.done(), scene.status().as_str()),
        (vec!["Redraw".to_owned()], "there are fewer messages than that")
    );
}

#[test]
fn tab_completes_commands_or_member_names() {
    let mut scene = Scene::new(80, 24);
    for (typed, completed) in [
        ("/ver", "/verify "),
        ("B", "bob: "),
        ("hi ca", "hi carol "),
        ("/HEL", "/help "),
        ("/help fi", "/help find "),
        ("/notify m", "/notify mentions "),
        ("/ignore b", "/ignore bob "),
        ("(bo", "(bob "),
        ("hi @da", "hi @dave "),
        ("ali", "ali"),
    ] {
        scene.types(typed);
        scene.press(Action::Complete);
        assert_eq!(scene.model.draft().text(), completed);
        scene.press(Action::Interrupt);
    }
}

/// The view stays at the same message when messages arrive or the window is
/// resized.
#[test]
fn scroll_position_is_kept_as_messages_arrive() {
    let mut scene = Scene::new(60, 20);
    for number in 0..200 {
        scene.says("bob", &format!("m{number} ").repeat(1 + number % 30));
    }
    for _ in 0..3 {
        scene.press(Action::Scroll(ScrollAction::PageUp));
    }
    let talk = |scene: &Scene| {
        let seen = scene.seen();
        seen.lines()
            .skip(2)
            .filter(|line| line.contains(" m"))
            .map(Into::into)
            .collect::<Vec<String>>()
    };
    let first = |scene: &Scene| {
        let row = talk(scene).remove(0);
        row.split_whitespace().find(|word| word.starts_with('m')).unwrap().to_owned()
    };
    let before = talk(&scene);
    let number = first(&scene);
    for number in 0..100 {
        scene.says("carol", &format!("m{number}"));
    }
    assert_eq!(talk(&scene), before);
    assert!(scene.seen().contains("100 new below (End)"));
    for (columns, rows) in [(120, 40), (31, 9), (60, 20)] {
        scene.resizes(columns, rows);
        assert_eq!(first(&scene), number, "{columns}x{rows}: {}", scene.seen());
    }
    scene.press(Action::Escape);
    assert!(scene.seen().contains("m99 ") && !scene.seen().contains("new below"));
}

#[test]
fn model_draft_survives_messages_with_resizes() {
    let mut scene = Scene::new(60, 20);
    scene.types("half a thought");
    scene.press(Action::Edit(EditAction::WordLeft));
    let input = |scene: &Scene| {
        let frame = scene.frame();
        let rows = ui_fixture::rows(&frame);
        let last: String = rows.last().unwrap().iter().map(|cell| cell.symbol()).collect();
        (last.trim_end().to_owned(), frame.cursor.unwrap().x)
    };
    for number in 0..100 {
        scene.says("bob", &format!("message {number}"));
        if number % 33 == 0 {
            scene.resizes(40 + number, 20);
        }
    }
    assert_eq!(input(&scene), ("> half a thought".to_owned(), 9));
}

#[test]
fn locked_model_requires_the_passphrase() {
    let mut scene = Scene::new(80, 24);
    scene.types("half a thought");
    scene.press(Action::Lock);
    scene.says("bob", "Alice?");
    scene.enter("/quit");
    assert_eq!(scene.done(), ["Redraw", "CheckPassphrase(Password(…))"]);
    scene.update(Msg::Unlocked(false));
    scene.press(Action::EndOfInput);
    scene.press(Action::Interrupt);
    scene.press(Action::Interrupt);
    scene.pastes("the passphrase\n");
    scene.press(Action::Enter);
    assert_eq!(scene.done(), ["CheckPassphrase(Password(…))"]);
    scene.update(Msg::Unlocked(true));
    assert_eq!(scene.model.draft().text(), "half a thought");
    scene.press(Action::Enter);
    assert_eq!(scene.done(), ["Redraw", "say 0 half a thought"]);
}

#[test]
fn double_lock_within_a_second_is_a_panic_exit() {
    for (seconds, panics) in [(0, true), (1, true), (2, false)] {
        let mut scene = Scene::new(80, 24);
        scene.press(Action::Lock);
        scene.waits(seconds);
        scene.press(Action::Lock);
        let done = if panics { &["Redraw", "Panic"][..] } else { &["Redraw", "Redraw"] };
        assert_eq!(scene.done(), done, "{seconds}");
        // The same holds if the screen is locked already.
        scene.waits(5);
        scene.press(Action::Lock);
        assert_eq!(scene.done(), ["Redraw"]);
        scene.press(Action::Lock);
        assert_eq!(scene.done(), ["Panic"]);
    }
}
