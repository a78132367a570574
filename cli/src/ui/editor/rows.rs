//! Layout of the draft as rows.

use crate::safe;
use unicode_segmentation::UnicodeSegmentation;

use crate::text::{SafeDisplay, SafeText, TAB};
use crate::ui::editor::Editor;

/// Width of the widest grapheme, in cells: an escaped control character, `<9B>`.
const WIDEST: usize = 4;

/// The visible rows of a draft.
#[derive(Debug, PartialEq, Eq)]
pub struct Rows {
    /// Visible rows, from the top.
    pub rows: Vec<SafeText>,
    /// Row and column of the cursor within these rows.
    pub cursor: (usize, usize),
}

impl Editor {
    /// Returns the part of the draft visible in one row of `columns`, and the column
    /// of the cursor. Newlines are shown as `⏎`, or as `^J` in ASCII.
    #[must_use]
    pub fn row(&self, columns: usize, ascii: bool) -> (SafeText, usize) {
        let room = columns.saturating_sub(1);
        let (left, right) = self.text().split_at(self.draft.cursor());
        let shown = |grapheme: &str| match grapheme {
            "\n" if ascii => safe!["^J"],
            "\n" => safe!["⏎"],
            _ => shown(grapheme, 0),
        };
        let mut seen = Vec::new();
        let mut column = 0;
        for cell in left.graphemes(true).rev().map(shown) {
            if column + cell.width() > room {
                break;
            }
            column += cell.width();
            seen.push(cell);
        }
        seen.reverse();
        let mut used = column;
        for cell in right.graphemes(true).map(shown) {
            used += cell.width();
            if used > columns {
                break;
            }
            seen.push(cell);
        }
        (join(&seen), column)
    }

    /// Lays out the draft in rows of `columns`, at least four. Returns at most `height`
    /// rows around the cursor. The cursor has its own cell even after the text.
    #[must_use]
    pub fn rows(&self, columns: usize, height: usize) -> Rows {
        let (columns, height) = (columns.max(WIDEST), height.max(1));
        let (text, at_cursor) = (self.text(), self.draft.cursor());
        // Start of each row.
        let mut starts = vec![0];
        let mut cursor = (0, 0);
        let (mut at, mut used) = (0, 0);
        loop {
            let length = first_grapheme(&text[at..]);
            let grapheme = &text[at..at + length];
            let is_end = matches!(grapheme, "" | "\n");
            let mut width = if is_end { 0 } else { self::width(grapheme, used) };
            // A newline needs a cell only at the cursor.
            let own = width + usize::from(width == 0 && at == at_cursor);
            if used + own > columns {
                starts.push(at);
                used = 0;
                if grapheme == "\t" {
                    width = TAB;
                }
            }
            if at == at_cursor {
                cursor = (starts.len() - 1, used);
            }
            // Rows further below are not visible.
            if length == 0 || starts.len() > cursor.0 + height && at > at_cursor {
                break;
            }
            at += length;
            used += width;
            if grapheme == "\n" {
                starts.push(at);
                used = 0;
            }
        }
        let first = (cursor.0 + 1).saturating_sub(height).min(starts.len().saturating_sub(height));
        let row = |number: usize| {
            let start = *starts.get(number)?;
            let end = starts.get(number + 1).copied().unwrap_or(text.len());
            let (mut cells, mut used) = (Vec::new(), 0);
            for grapheme in text[start..end].trim_end_matches('\n').graphemes(true) {
                let cell = shown(grapheme, used);
                used += cell.width();
                cells.push(cell);
            }
            Some(join(&cells))
        };
        let rows = (first..first + height).map_while(row).collect();
        Rows { rows, cursor: (cursor.0 - first, cursor.1) }
    }
}

/// Returns the length of the first grapheme.
fn first_grapheme(text: &str) -> usize {
    match text.as_bytes() {
        [] => 0,
        // Most text is this simple.
        [_, next, ..] if next.is_ascii() && *next != b'\n' && text.is_char_boundary(1) => 1,
        _ => text.graphemes(true).next().map_or(0, str::len),
    }
}

/// Returns the width of a grapheme at `column`.
fn width(grapheme: &str, column: usize) -> usize {
    match grapheme.as_bytes() {
        [b' '..=b'~'] => 1,
        _ => shown(grapheme, column).width(),
    }
}

/// Returns the visible form of a grapheme at `column`, at most [`WIDEST`] cells wide.
fn shown(grapheme: &str, column: usize) -> SafeText {
    if grapheme == "\t" {
        return SafeText::sanitize(&" ".repeat(TAB - column % TAB));
    }
    let cell = SafeText::sanitize(grapheme);
    if cell.width() > WIDEST { safe!["\u{FFFD}"] } else { cell }
}

fn join(cells: &[SafeText]) -> SafeText {
    let parts: Vec<&dyn SafeDisplay> = cells.iter().map(|cell| cell as &dyn SafeDisplay).collect();
    SafeText::concat(&parts)
}
