//! Line wrapping and truncation.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::text::SafeText;
use crate::text::sanitize::{cut, width};

impl SafeText {
    /// Wraps the line into one or more rows of at most `columns` cells (at least two),
    /// between words if possible. The space at a break is removed.
    #[must_use]
    pub fn wrap(&self, columns: usize) -> Vec<Self> {
        let (text, columns) = (self.as_str(), columns.max(2));
        let mut rows = Vec::new();
        let (mut start, mut cells) = (0, 0);
        // The last break opportunity: its byte offset and the cells before it.
        let mut end = None;
        for (at, cluster) in text.grapheme_indices(false) {
            let behind = at + cluster.len();
            let own = cluster.width();
            while cells + own > columns && at > start {
                let here = if cluster == " " { behind } else { at };
                let (stop, used) = match end.take() {
                    Some(before) if here == at => before,
                    _ => (here, cells),
                };
                rows.push(text[start..stop].trim_end_matches(' '));
                start = stop;
                cells -= used;
            }
            if start == behind {
                continue; // the space belongs to the previous row
            }
            cells += own;
            // Scripts with wide letters do not use spaces.
            if cluster == " " || own == 2 {
                end = Some((behind, cells));
            }
        }
        rows.push(&text[start..]);
        rows.into_iter().map(|row| Self::new(row.into())).collect()
    }

    /// Truncates the line to `cells`, marked with `~`.
    #[must_use]
    pub fn truncate(&self, cells: usize) -> Self {
        if self.width() <= cells {
            return self.clone();
        }
        let mut text = cut(self.as_str(), cells.saturating_sub(1)).to_owned();
        text.push('~');
        text.truncate(cut(&text, cells).len());
        debug_assert!(width(&text) <= cells);
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrap(text: &str, columns: usize) -> Vec<String> {
        SafeText::sanitize(text).wrap(columns).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn wrap_breaks_between_words() {
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("hello", 5), ["hello"]);
        assert_eq!(wrap("hello you", 5), ["hello", "you"]);
        assert_eq!(wrap("hello you", 7), ["hello", "you"]);
        assert_eq!(wrap("  a bc", 4), ["  a", "bc"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("ab cdefgh", 4), ["ab", "cdef", "gh"]);
        assert_eq!(wrap("日本語です", 5), ["日本", "語で", "す"]);
        assert_eq!(wrap("a日本", 2), ["a", "日", "本"]);
        assert_eq!(wrap(" ab日", 3), ["", "ab", "日"]);
        assert_eq!(wrap("ab   c", 3), ["ab", " c"]);
    }

    #[test]
    fn truncate_fits_the_width() {
        let fit = |text, cells| SafeText::sanitize(text).truncate(cells).to_string();
        assert_eq!(fit("alice", 5), "alice");
        assert_eq!(fit("alice", 4), "ali~");
        assert_eq!(fit("日本", 3), "日~");
        assert_eq!(fit("日本", 0), "");
    }

    proptest! {
        #[test]
        fn wrapped_rows_fit_without_losing_letters(text: String, columns in 2_usize..30) {
            let line = SafeText::sanitize(&text);
            let rows = line.wrap(columns);
            prop_assert!(rows.iter().all(|row| row.width() <= columns));
            let letters = |text: &str| text.replace(' ', "");
            let all: String = rows.iter().map(SafeText::as_str).collect();
            prop_assert_eq!(letters(&all), letters(line.as_str()));
            prop_assert!(line.truncate(columns).width() <= columns);
        }
    }
}
