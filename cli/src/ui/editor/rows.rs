//! The draft as it is seen.

use crate::safe;
use unicode_segmentation::UnicodeSegmentation;

use crate::text::{SafeDisplay, SafeText};
use crate::ui::editor::Editor;

/// Cells of the widest grapheme: a control that is written out, `<9B>`.
const WIDEST: usize = 4;

/// Some rows of a draft.
#[derive(Debug, PartialEq, Eq)]
pub struct Rows {
    /// What is seen, from the top.
    pub rows: Vec<SafeText>,
    /// Row and column of the cursor in it.
    pub cursor: (usize, usize),
}

impl Editor {
    /// What of the draft is seen in one row of `columns`, and in which of them
    /// the cursor stands. Line ends are shown as `⏎`.
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

    /// The draft in rows of `columns`, at least four, of which at most `height` are seen: those
    /// around the cursor. The cursor has a cell of its own, behind the text too.
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
            // A line end needs a cell only where the cursor stands.
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

/// What a grapheme looks like, in [`WIDEST`] cells at most.
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
