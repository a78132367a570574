//! The name of a member.

use cmdchat_core::untrusted::Untrusted;

use crate::text::SafeText;
use crate::text::sanitize::{Sanitizer, cut, width};

/// Code points of a name that are looked at; no server lets so many in.
const POINTS: usize = 128;

/// Cells a name may take.
const CELLS: usize = 32;

impl SafeText {
    /// A name: one line of at most 32 cells (cut with `~`), `?` if nothing is
    /// left. One that holds what no name may hold is shown cleaned, with `?`
    /// behind it, so that it does not pass for the name it imitates.
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

    /// A name as one word for a line that is to be split without guessing:
    /// spaces, `<`, `>` and `|` are written `_`.
    #[must_use]
    pub fn plain_name(name: &Untrusted) -> Self {
        Self::username(name).as_word()
    }

    /// The same for a name that is clean already.
    pub(crate) fn as_word(&self) -> Self {
        let breaks = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '|');
        Self::new(self.as_str().replace(breaks, "_"))
    }
}

/// Blank, and not the space bar's. No name may hold one (PROTOCOL 3.2).
fn is_odd_space(point: char) -> bool {
    point == '\u{2800}' || (point.is_whitespace() && point != ' ')
}
