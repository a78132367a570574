//! A text with a cursor that is always on a grapheme boundary.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};
use zeroize::Zeroizing;

/// Maximum length of a draft, in bytes. The lower limit on messages is enforced
/// elsewhere.
pub(super) const LONGEST: usize = 65_536;

#[derive(Clone, Default)]
pub(super) struct Draft {
    text: Zeroizing<String>,
    /// Byte index.
    cursor: usize,
    /// The text begins with pasted text.
    pasted: bool,
}

impl Draft {
    /// Creates a draft with the cursor at its end.
    pub(super) fn new(text: Zeroizing<String>) -> Self {
        Self { cursor: text.len(), text, pasted: false }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_text(self) -> Zeroizing<String> {
        self.text
    }

    pub(super) const fn cursor(&self) -> usize {
        self.cursor
    }

    pub(super) const fn is_pasted(&self) -> bool {
        self.pasted
    }

    pub(super) const fn mark_as_pasted(&mut self) {
        self.pasted = true;
    }

    /// Inserts `text` before the cursor. Returns `false` if the draft would become too
    /// long.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        let length = self.text.len() + text.len();
        if length > LONGEST {
            return false;
        }
        if length > self.text.capacity() {
            // `String` would leave a copy behind when it reallocates.
            let mut larger =
                Zeroizing::new(String::with_capacity(length.next_power_of_two().max(256)));
            larger.push_str(&self.text);
            self.text = larger;
        }
        if self.cursor == 0 {
            self.pasted = false;
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        self.settle();
        true
    }

    pub(super) fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
        self.settle();
    }

    pub(super) fn join_lines(&mut self) {
        self.text = Zeroizing::new(self.text.replace('\n', " "));
        self.settle();
    }

    pub(super) fn go(&mut self, to: usize) {
        self.cursor = to;
        self.settle();
    }

    /// Moves to the line above. Returns `false` if there is none.
    pub(super) fn go_up(&mut self) -> bool {
        let start = self.line_start();
        let Some(end_above) = start.checked_sub(1) else { return false };
        let start_above = line_start(&self.text, end_above);
        self.go(self.column_in(start_above, end_above));
        true
    }

    /// Moves to the line below. Returns `false` if there is none.
    pub(super) fn go_down(&mut self) -> bool {
        let end = self.line_end();
        if end == self.text.len() {
            return false;
        }
        self.go(self.column_in(end + 1, line_end(&self.text, end + 1)));
        true
    }

    /// Returns the position in another line that is the same number of graphemes from
    /// the beginning of its line as the cursor.
    fn column_in(&self, start: usize, end: usize) -> usize {
        let column = self.text[self.line_start()..self.cursor].graphemes(true).count();
        let line = self.text[start..end].grapheme_indices(true);
        line.map(|(at, _)| start + at).nth(column).unwrap_or(end)
    }

    pub(super) fn before(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    pub(super) fn after(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        let next = cursor.next_boundary(&self.text, 0);
        next.ok().flatten().unwrap_or(self.text.len())
    }

    /// Returns the start of the word to the left.
    pub(super) fn word_before(&self) -> usize {
        word_start(self.text[..self.cursor].trim_end())
    }

    /// Returns the end of the word to the right.
    pub(super) fn word_after(&self) -> usize {
        let right = self.text[self.cursor..].trim_start();
        let word = right.find(char::is_whitespace).unwrap_or(right.len());
        self.text.len() - right.len() + word
    }

    /// Returns the start of the word that ends at the cursor, or the cursor if there is
    /// none.
    pub(super) fn word_to_complete(&self) -> usize {
        word_start(&self.text[..self.cursor])
    }

    pub(super) fn line_start(&self) -> usize {
        line_start(&self.text, self.cursor)
    }

    pub(super) fn line_end(&self) -> usize {
        line_end(&self.text, self.cursor)
    }

    /// Moves the cursor to a grapheme boundary after a change. The change may have
    /// merged graphemes, or a combining mark may follow the space before a word.
    fn settle(&mut self) {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        if cursor.is_boundary(&self.text, 0) == Ok(false) {
            self.cursor = self.after();
        }
        if self.text.is_empty() {
            self.pasted = false;
        }
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end)
}

/// Returns the start of the last word of `text`, or its end if it ends with a space.
fn word_start(text: &str) -> usize {
    let space = text.char_indices().rev().find(|(_, letter)| letter.is_whitespace());
    space.map_or(0, |(at, space)| at + space.len_utf8())
}
