//! Usernames as safe text.

use cmdchat_core::untrusted::Untrusted;

use crate::text::SafeText;
use crate::text::sanitize::{Sanitizer, cut, width};

/// Maximum number of code points examined; no server admits a name this long.
const POINTS: usize = 128;

/// Maximum width of a name in cells.
const CELLS: usize = 32;

impl SafeText {
    /// Sanitizes a username to one line of at most 32 cells (truncated with `~`), or `?`
    /// if it is empty. A name with forbidden characters is sanitized and marked with a
    /// final `?`, so that it does not pass for the name it imitates.
    #[must_use]
    pub fn username(name: &Untrusted) -> Self {
        let raw = name.raw();
        let head = raw.char_indices().nth(POINTS).map_or(raw, |(end, _)| &raw[..end]);
        let cleaned = Sanitizer::word(head);
        let mut text = cleaned.text;
        let odd = cleaned.hidden > 0
            || cleaned.rewritten
            || head.len() < raw.len()
            || head.trim() != head
            || head.chars().any(is_odd_space);
        if width(&text) > CELLS {
            text.truncate(cut(&text, CELLS - 1).len());
            text.push('~');
        }
        if odd || text.is_empty() {
            text.push('?');
        }
        Self::new(text)
    }

    /// Sanitizes a username to one word for lines that programs split: spaces, `<`, `>`
    /// and `|` become `_`.
    #[must_use]
    pub fn plain_name(name: &Untrusted) -> Self {
        Self::username(name).as_word()
    }

    /// Converts a sanitized name to one word.
    pub(crate) fn as_word(&self) -> Self {
        let breaks = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '|');
        Self::new(self.as_str().replace(breaks, "_"))
    }
}

/// Returns whether `point` is blank but not U+0020. Names must not contain one
/// (PROTOCOL 3.2).
fn is_odd_space(point: char) -> bool {
    point == '\u{2800}' || (point.is_whitespace() && point != ' ')
}
