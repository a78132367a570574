//! Layout of the draft as rows.

use crate::safe;
use unicode_segmentation::UnicodeSegmentation;

use crate::text::{SafeDisplay, SafeText};
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
    /// of the cursor. Newlines are shown as `⏎`.
    #[must_use]
    pub fn row(&self, columns: usize) -> (SafeText, usize) {
        let room = columns.saturating_sub(1);
        let (left, right) = self.text().split_at(self.draft.cursor());
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
        let columns = columns.max(WIDEST);
        let mut rows = vec![(Vec::new(), 0)];
        let mut cursor = (0, 0);
        let ends = [(self.text().len(), "\n")];
        for (at, grapheme) in self.text().grapheme_indices(true).chain(ends) {
            let cell = if grapheme == "\n" { SafeText::default() } else { shown(grapheme) };
            let width = cell.width();
            let last = rows.len() - 1;
            let used = rows.last().map_or(0, |(_, used)| *used);
            // A newline needs a cell only at the cursor.
            let own = width + usize::from(width == 0 && at == self.draft.cursor());
            let place = if used + own > columns {
                rows.push((Vec::new(), 0));
                (last + 1, 0)
            } else {
                (last, used)
            };
            if at == self.draft.cursor() {
                cursor = place;
            }
            if let Some((cells, used)) = rows.last_mut() {
                cells.push(cell);
                *used += width;
            }
            if grapheme == "\n" && at < self.text().len() {
                rows.push((Vec::new(), 0));
            }
        }
        let height = height.max(1);
        let first = (cursor.0 + 1).saturating_sub(height).min(rows.len().saturating_sub(height));
        let seen = rows.iter().skip(first).take(height).map(|(cells, _)| join(cells)).collect();
        Rows { rows: seen, cursor: (cursor.0 - first, cursor.1) }
    }
}

/// Returns the visible form of a grapheme, at most [`WIDEST`] cells wide.
fn shown(grapheme: &str) -> SafeText {
    if grapheme == "\n" {
        return safe!["⏎"];
    }
    let cell = SafeText::sanitize(grapheme);
    if cell.width() > WIDEST { safe!["\u{FFFD}"] } else { cell }
}

fn join(cells: &[SafeText]) -> SafeText {
    let parts: Vec<&dyn SafeDisplay> = cells.iter().map(|cell| cell as &dyn SafeDisplay).collect();
    SafeText::concat(&parts)
}
