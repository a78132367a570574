//! Typing.

use crossterm::event::KeyEventState;
use proptest::prelude::*;

use super::*;

fn typed(text: &str) -> Line {
    let mut line = Line::default();
    for letter in text.chars() {
        assert_eq!(line.press(Key::Letter(letter)), Action::Edited);
    }
    line
}

/// The draft with `|` where the cursor is.
fn seen(line: &Line) -> String {
    let (left, right) = line.text().split_at(line.cursor);
    format!("{left}|{right}")
}

fn after(text: &str, keys: &[Key]) -> String {
    let mut line = typed(text);
    for &key in keys {
        line.press(key);
    }
    seen(&line)
}

#[test]
fn keys_move_and_delete_by_grapheme() {
    use Key::{Backspace, Delete, End, EndOfInput, Home, Left, Letter, Right};
    assert_eq!(after("a👨‍👩‍👧b", &[Left, Left]), "a|👨‍👩‍👧b");
    assert_eq!(after("a👨‍👩‍👧b", &[Left, Backspace]), "a|b");
    assert_eq!(after("e\u{301}x", &[Home, Right]), "e\u{301}|x");
    assert_eq!(after("e\u{301}x", &[Home, Delete]), "|x");
    assert_eq!(after("abc", &[Home, EndOfInput, End, Right, Backspace]), "b|");
    assert_eq!(after("ac", &[Left, Letter('b')]), "ab|c");
    assert_eq!(after("", &[Left, Right, Backspace, Delete, Home, End]), "|");
}

#[test]
fn words_and_ends_are_cut_and_put_back() {
    use Key::{CutLeft, CutRight, DeleteWord, Home, Interrupt, Left, PutBack};
    assert_eq!(after("one two  ", &[DeleteWord]), "one |");
    assert_eq!(after("one", &[DeleteWord, DeleteWord]), "|");
    assert_eq!(after("one two", &[Left, Left, Left, CutLeft]), "|two");
    assert_eq!(after("one two", &[Left, Left, Left, CutRight, Home, PutBack]), "two|one ");
    assert_eq!(after("one", &[Interrupt]), "|");
    assert_eq!(after("one", &[Interrupt, PutBack]), "one|");
}

#[test]
fn enter_sends_and_empties() {
    let mut line = typed("hello");
    line.press(Key::NewLine);
    line.press(Key::Letter('x'));
    assert_eq!(line.press(Key::Enter), Action::Submit(Zeroizing::new("hello\nx".into())));
    assert_eq!(line.press(Key::Enter), Action::Submit(Zeroizing::default()));
    assert_eq!(line.press(Key::Interrupt), Action::Leave);
    assert_eq!(line.press(Key::EndOfInput), Action::Leave);
    line.restore(Zeroizing::new("again".into()));
    assert_eq!(seen(&line), "again|");
    line.restore(Zeroizing::new("other".into()));
    assert_eq!(seen(&line), "again|");
}

#[test]
fn a_paste_is_one_clean_draft() {
    let mut line = typed("<>");
    line.press(Key::Left);
    assert_eq!(line.paste("a\r\nb\tc\u{1B}[201~\u{202E}"), Action::Edited);
    assert_eq!(seen(&line), "<a\nb   c^[[201~|>");
    assert_eq!(line.paste(&"x".repeat(LONGEST)), Action::Nothing);
}

#[test]
fn the_row_scrolls_with_the_cursor() {
    let mut line = typed("0123456789");
    let row = |line: &Line, columns| {
        let (text, column) = line.render(columns);
        (text.to_string(), column)
    };
    assert_eq!(row(&line, 20), ("0123456789".into(), 10));
    assert_eq!(row(&line, 5), ("6789".into(), 4));
    line.press(Key::Left);
    assert_eq!(row(&line, 5), ("56789".into(), 4));
    line.press(Key::Home);
    assert_eq!(row(&line, 5), ("01234".into(), 0));
    assert_eq!(row(&line, 0), (String::new(), 0));
}

#[test]
fn the_row_is_clean_and_counts_cells() {
    let mut line = typed("日\u{202E}本\u{E000}");
    assert_eq!(line.render(80).1, 5);
    assert_eq!(line.render(80).0.as_str(), "日本\u{FFFD}");
    line.press(Key::NewLine);
    assert_eq!(line.render(80).0.as_str(), "日本\u{FFFD}⏎");
    assert_eq!(typed("日本").render(4).0.as_str(), "本");
}

#[test]
fn keys_of_the_terminal_have_a_meaning() {
    let key = |code, modifiers| {
        Key::of(&KeyEvent {
            code,
            modifiers,
            kind: KeyEventKind::Press,
            state: KeyEventState::NONE,
        })
    };
    let none = KeyModifiers::NONE;
    assert_eq!(key(KeyCode::Char('é'), none), Some(Key::Letter('é')));
    assert_eq!(key(KeyCode::Char('É'), KeyModifiers::SHIFT), Some(Key::Letter('É')));
    assert_eq!(key(KeyCode::Char('u'), KeyModifiers::CONTROL), Some(Key::CutLeft));
    assert_eq!(key(KeyCode::Char('j'), KeyModifiers::CONTROL), Some(Key::NewLine));
    assert_eq!(
        key(KeyCode::Char('@'), KeyModifiers::CONTROL | KeyModifiers::ALT),
        Some(Key::Letter('@'))
    );
    assert_eq!(key(KeyCode::Enter, none), Some(Key::Enter));
    assert_eq!(key(KeyCode::Enter, KeyModifiers::ALT), Some(Key::NewLine));
    assert_eq!(key(KeyCode::F(1), none), None);
    assert_eq!(key(KeyCode::Tab, none), None);
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::CONTROL), None);
}

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        any::<char>().prop_map(Key::Letter),
        prop::sample::select(vec!['e', '\u{301}', '👨', '\u{200D}', '🇩', ' ', 'क', '\u{94D}'])
            .prop_map(Key::Letter),
        prop::sample::select(vec![
            Key::Backspace,
            Key::Delete,
            Key::DeleteWord,
            Key::CutLeft,
            Key::CutRight,
            Key::PutBack,
            Key::Left,
            Key::Right,
            Key::Home,
            Key::End,
            Key::NewLine,
            Key::Interrupt,
        ]),
    ]
}

proptest! {
    #[test]
    fn the_cursor_stays_between_graphemes_and_in_the_row(
        keys in prop::collection::vec(any_key(), 0..60),
        columns in 2_usize..40,
    ) {
        let mut line = Line::default();
        for key in keys {
            line.press(key);
            let mut cursor = GraphemeCursor::new(line.cursor, line.text.len(), true);
            prop_assert_eq!(cursor.is_boundary(&line.text, 0), Ok(true));
            let (row, column) = line.render(columns);
            prop_assert!(column < columns);
            prop_assert!(row.width() <= columns);
            prop_assert!(!row.as_str().chars().any(char::is_control));
        }
    }
}
