//! Tests of the editor.

use proptest::prelude::*;
use unicode_segmentation::GraphemeCursor;

use super::*;
use crate::text::SafeText;
use crate::ui::editor::{draft::LONGEST, history::KEPT};

fn typed(text: &str) -> Editor {
    let mut editor = Editor::default();
    for letter in text.chars() {
        editor.edit(if letter == '\n' { EditAction::NewLine } else { EditAction::Insert(letter) });
    }
    editor
}

/// Returns the draft with `|` at the cursor.
fn seen(editor: &Editor) -> String {
    let (left, right) = editor.text().split_at(editor.draft.cursor());
    format!("{left}|{right}")
}

fn after(text: &str, edits: &[EditAction]) -> String {
    let mut editor = typed(text);
    for &edit in edits {
        editor.edit(edit);
    }
    seen(&editor)
}

#[test]
fn editing_keys_work_by_grapheme() {
    use EditAction::{Backspace, Delete, End, Home, Insert, Left, Right};
    assert_eq!(after("a👨‍👩‍👧b", &[Left, Left]), "a|👨‍👩‍👧b");
    assert_eq!(after("a👨‍👩‍👧b", &[Left, Backspace]), "a|b");
    assert_eq!(after("e\u{301}x", &[Home, Right]), "e\u{301}|x");
    assert_eq!(after("e\u{301}x", &[Home, Delete]), "|x");
    assert_eq!(after("abc", &[Home, Delete, End, Right, Backspace]), "b|");
    assert_eq!(after("ac", &[Left, Insert('b')]), "ab|c");
    assert_eq!(after("", &[Left, Right, Backspace, Delete, Home, End]), "|");
}

#[test]
fn word_keys_move_or_delete_whole_words() {
    use EditAction::{DeleteWordLeft, DeleteWordRight, Home, WordLeft, WordRight};
    assert_eq!(after("one two  ", &[WordLeft]), "one |two  ");
    assert_eq!(after("one two", &[Home, WordRight, WordRight, WordRight]), "one two|");
    assert_eq!(after("one two", &[Home, WordRight]), "one| two");
    assert_eq!(after("one two  ", &[DeleteWordLeft]), "one |");
    assert_eq!(after("one", &[DeleteWordLeft, DeleteWordLeft]), "|");
    assert_eq!(after("one two", &[Home, DeleteWordRight, DeleteWordRight]), "|");
}

#[test]
fn killed_text_can_be_yanked() {
    use EditAction::{Home, KillToEnd, KillToStart, Left, Yank};
    assert_eq!(after("one two", &[Left, Left, Left, KillToStart]), "|two");
    assert_eq!(after("one two", &[Left, Left, Left, KillToEnd, Home, Yank]), "two|one ");
    assert_eq!(after("a\nbc", &[KillToStart]), "a\n|");
    assert_eq!(after("a\nbc", &[KillToStart, KillToStart, Yank]), "a\nbc|");
    let mut editor = typed("one");
    editor.clear();
    assert_eq!(seen(&editor), "|");
    editor.edit(Yank);
    assert_eq!(seen(&editor), "one|");
}

#[test]
fn consecutive_cuts_are_yanked_together() {
    use EditAction::{DeleteWordLeft, DeleteWordRight, Home, KillToEnd, Left, Yank};
    assert_eq!(after("one two three", &[DeleteWordLeft, DeleteWordLeft, Yank]), "one two three|");
    assert_eq!(after("one two", &[Home, DeleteWordRight, KillToEnd, Yank]), "one two|");
    assert_eq!(after("one two", &[DeleteWordLeft, Left, KillToEnd, Yank]), "one |");
}

#[test]
fn undo_works_by_word() {
    use EditAction::{KillToStart, Undo};
    assert_eq!(after("one two", &[Undo]), "one|");
    assert_eq!(after("one two", &[Undo, Undo, Undo]), "|");
    assert_eq!(after("one two", &[KillToStart, Undo]), "one two|");
}

#[test]
fn arrows_move_in_the_draft_before_the_history() {
    use EditAction::{Down, End, Home, Left, Up};
    assert_eq!(after("abc\nd\nefg", &[Up]), "abc\nd|\nefg");
    assert_eq!(after("abc\nd\nefg", &[Left, Up, Up]), "a|bc\nd\nefg");
    assert_eq!(after("ab\ncd", &[Up, Down]), "ab\ncd|");
    assert_eq!(after("ab\ncd", &[Home]), "ab\n|cd");
    assert_eq!(after("ab\ncd", &[Home, Up, End]), "ab|\ncd");

    let mut editor = typed("first");
    editor.submit();
    for text in ["second", "second", ""] {
        editor.restore(Zeroizing::new(text.into()));
        editor.submit();
    }
    editor.restore(Zeroizing::new("draft".into()));
    for (edit, text) in [
        (Up, "second|"),
        (Up, "first|"),
        (Up, "first|"),
        (Down, "second|"),
        (Down, "draft|"),
        (Down, "draft|"),
    ] {
        editor.edit(edit);
        assert_eq!(seen(&editor), text);
    }
    for number in 0..KEPT {
        editor.submit();
        editor.restore(Zeroizing::new(number.to_string()));
    }
    editor.submit();
    for _ in 0..2 * KEPT {
        editor.edit(Up);
    }
    assert_eq!(seen(&editor), "0|");
}

#[test]
fn history_keeps_drafts_and_edits() {
    use EditAction::{Down, Insert, Up};
    let mut editor = Editor::default();
    for text in ["first", "second", "third"] {
        editor.restore(Zeroizing::new(text.into()));
        editor.submit();
    }
    editor.edit(Up);
    editor.clear();
    editor.restore(Zeroizing::new("new".into()));
    for (edit, text) in [
        (Up, "third|"),
        (Down, "new|"),
        (Up, "third|"),
        (Insert('X'), "thirdX|"),
        (Up, "second|"),
        (Down, "thirdX|"),
        (Down, "new|"),
        (Up, "thirdX|"),
    ] {
        editor.edit(edit);
        assert_eq!(seen(&editor), text);
    }
    // A draft that was left for an earlier text is not lost either.
    editor.submit();
    for text in ["thirdX|", "new|", "third|"] {
        editor.edit(Up);
        assert_eq!(seen(&editor), text);
    }
}

#[test]
fn pasted_tabs_and_windows_line_ends_are_kept() {
    let mut editor = Editor::default();
    editor.paste("all:\n\tcc x\r\nb\tc\r\n");
    assert_eq!(seen(&editor), "all:\n\tcc x\nb\tc|");
    let rows = editor.rows(20, 5).rows;
    assert_eq!(
        rows.iter().map(SafeText::as_str).collect::<Vec<_>>(),
        ["all:", "    cc x", "b   c"]
    );
    assert_eq!(editor.row(30, true).0.as_str(), "all:^J    cc x^Jb    c");
}

#[test]
fn rows_of_a_long_draft_are_those_around_the_cursor() {
    for text in ["x", "日", "x y\n", "👍🏽e\u{301}"] {
        let mut editor = Editor::default();
        editor.paste(&text.repeat(LONGEST / text.len()));
        let whole = editor.rows(78, usize::MAX >> 1).rows.len();
        let Rows { rows, cursor } = editor.rows(78, 5);
        assert_eq!((rows.len(), cursor.0), (5, 4), "{text:?} in {whole} rows");
        editor.edit(EditAction::Up);
        editor.draft.go(0);
        let Rows { rows, cursor } = editor.rows(78, 5);
        assert_eq!((rows.len(), cursor), (5, (0, 0)));
    }
}

#[test]
fn tab_cycles_through_completions() {
    let options = |word: &str, first: bool| {
        assert_eq!((word, first), ("bo", false));
        vec!["bob ".to_owned(), "bobby ".to_owned()]
    };
    let mut editor = typed("hi bo");
    for (back, text) in [
        (false, "hi bob |"),
        (false, "hi bobby |"),
        (false, "hi bo|"),
        (true, "hi bobby |"),
        (true, "hi bob |"),
    ] {
        editor.complete(back, options);
        assert_eq!(seen(&editor), text);
    }
    editor.edit(EditAction::Insert('!'));
    editor.complete(false, |word, _| {
        assert_eq!(word, "!");
        Vec::new()
    });
    assert_eq!(seen(&editor), "hi bob !|");
}

#[test]
fn submitted_draft_can_be_restored() {
    let mut editor = typed("hello\nx");
    assert_eq!(editor.submit().as_str(), "hello\nx");
    assert_eq!(editor.submit().as_str(), "");
    editor.restore(Zeroizing::new("again".into()));
    assert_eq!(seen(&editor), "again|");
    editor.restore(Zeroizing::new("other".into()));
    assert_eq!(seen(&editor), "again|");
}

#[test]
fn paste_is_sanitized_into_the_draft() {
    let mut editor = typed("<>");
    editor.edit(EditAction::Left);
    editor.paste("a\r\nb\tc\u{1B}[201~\u{202E}");
    assert_eq!(seen(&editor), "<a\nb\tc^[[201~|>");
    assert!(!editor.begins_with_a_paste());
    assert!(!editor.take_overflow());
    editor.paste(&"x".repeat(LONGEST));
    assert!(editor.take_overflow() && !editor.take_overflow());
    assert_eq!(seen(&editor), "<a\nb\tc^[[201~|>");
    editor.join_lines();
    assert_eq!(seen(&editor), "<a b\tc^[[201~|>");
}

#[test]
fn editor_remembers_if_draft_begins_with_paste() {
    let mut editor = Editor::default();
    editor.paste("/quit");
    assert!(editor.begins_with_a_paste());
    editor.edit(EditAction::Home);
    editor.edit(EditAction::Insert('/'));
    assert!(!editor.begins_with_a_paste());
    editor.clear();
    editor.paste("/");
    editor.edit(EditAction::Backspace);
    editor.edit(EditAction::Insert('/'));
    assert!(!editor.begins_with_a_paste());
}

#[test]
fn single_row_scrolls_with_the_cursor() {
    let mut editor = typed("0123456789");
    let row = |editor: &Editor, columns| {
        let (text, column) = editor.row(columns, false);
        (text.to_string(), column)
    };
    assert_eq!(row(&editor, 20), ("0123456789".into(), 10));
    assert_eq!(row(&editor, 5), ("6789".into(), 4));
    editor.edit(EditAction::Left);
    assert_eq!(row(&editor, 5), ("56789".into(), 4));
    editor.edit(EditAction::Home);
    assert_eq!(row(&editor, 5), ("01234".into(), 0));
    assert_eq!(row(&editor, 0), (String::new(), 0));
}

#[test]
fn single_row_is_sanitized_by_cell_width() {
    let mut editor = typed("日\u{202E}本\u{E000}");
    assert_eq!(editor.row(80, false).1, 5);
    assert_eq!(editor.row(80, false).0.as_str(), "日本\u{FFFD}");
    editor.edit(EditAction::NewLine);
    assert_eq!(editor.row(80, false).0.as_str(), "日本\u{FFFD}⏎");
    assert_eq!(typed("日本").row(4, false).0.as_str(), "本");
}

#[test]
fn wrapped_rows_follow_the_cursor() {
    let rows = |editor: &Editor, columns, height| {
        let Rows { rows, cursor } = editor.rows(columns, height);
        (rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("|"), cursor)
    };
    assert_eq!(rows(&typed(""), 10, 5), (String::new(), (0, 0)));
    assert_eq!(rows(&typed("abcd"), 4, 5), ("abcd|".into(), (1, 0)));
    assert_eq!(rows(&typed("x日本x"), 4, 5), ("x日|本x".into(), (1, 3)));
    let mut editor = typed("abc\nd\ne");
    assert_eq!(rows(&editor, 4, 5), ("abc|d|e".into(), (2, 1)));
    assert_eq!(rows(&editor, 4, 2), ("d|e".into(), (1, 1)));
    editor.edit(EditAction::Up);
    editor.edit(EditAction::Up);
    assert_eq!(rows(&editor, 4, 2), ("abc|d".into(), (0, 1)));
    editor.edit(EditAction::End);
    assert_eq!(rows(&editor, 4, 2), ("abc|d".into(), (0, 3)));
}

fn any_edit() -> impl Strategy<Value = EditAction> {
    use EditAction::*;
    prop_oneof![
        any::<char>().prop_map(Insert),
        prop::sample::select(vec!['e', '\u{301}', '👨', '\u{200D}', '🇩', ' ', 'क', '\u{94D}'])
            .prop_map(Insert),
        prop::sample::select(vec![
            Backspace,
            Delete,
            DeleteWordLeft,
            DeleteWordRight,
            KillToStart,
            KillToEnd,
            Yank,
            Undo,
            Left,
            Right,
            WordLeft,
            WordRight,
            Home,
            End,
            Up,
            Down,
            NewLine,
        ]),
    ]
}

proptest! {
    #[test]
    fn cursor_stays_on_grapheme_boundaries(
        edits in prop::collection::vec(any_edit(), 0..60),
        columns in 4_usize..40,
    ) {
        let mut editor = Editor::default();
        let fits = |row: &SafeText| {
            row.width() <= columns && !row.as_str().chars().any(char::is_control)
        };
        for edit in edits {
            editor.edit(edit);
            let mut cursor = GraphemeCursor::new(editor.draft.cursor(), editor.text().len(), true);
            prop_assert_eq!(cursor.is_boundary(editor.text(), 0), Ok(true));
            let (row, column) = editor.row(columns, false);
            prop_assert!(column < columns && fits(&row));
            let Rows { rows, cursor: (at, column) } = editor.rows(columns, 5);
            prop_assert!(at < rows.len() && rows.len() <= 5 && column < columns);
            prop_assert!(rows.iter().all(fits));
        }
    }
}
