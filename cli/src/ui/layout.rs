//! Where everything stands on the screen.

use ratatui_core::layout::Rect;

use crate::ui::model::Model;

/// Columns and rows of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// Fewer columns or rows hold no room.
const SMALLEST: Size = Size { columns: 20, rows: 5 };
/// The list of members needs a screen of so many columns, and takes so many.
const MEMBERS_FROM: u16 = 90;
const MEMBERS: u16 = 20;
/// Rows that the draft takes at most.
const DRAFT: u16 = 5;
/// Columns before the draft.
pub(super) const PROMPT: u16 = 2;

/// The parts of the screen, from the top: header, rule, talk (and members),
/// rule, status, input. On a low screen the rules go first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) header: Rect,
    pub(super) upper: Option<Rect>,
    pub(super) session: Rect,
    pub(super) members: Option<Rect>,
    pub(super) lower: Option<Rect>,
    pub(super) status: Rect,
    pub(super) input: Rect,
}

impl Layout {
    /// Nothing if the screen is too small.
    pub(super) fn of(model: &Model, size: Size) -> Option<Self> {
        let Size { columns, rows } = size;
        if columns < SMALLEST.columns || rows < SMALLEST.rows {
            return None;
        }
        let rule = u16::from(rows >= 8);
        // Header, status, and some talk have to fit as well.
        let room = DRAFT.min(rows - 2 * rule - 3);
        let draft = model.draft_rows(size, room.into()).rows.len();
        let draft = u16::try_from(draft).unwrap_or(room).clamp(1, room);
        let has_members = columns >= MEMBERS_FROM && !model.hides_members;
        let side = if has_members { MEMBERS + 1 } else { 0 };
        let talk_rows = rows - 2 - 2 * rule - draft;

        let row = |y, height| Rect::new(0, y, columns, height);
        let lower = 1 + rule + talk_rows;
        Some(Self {
            header: row(0, 1),
            upper: (rule > 0).then(|| row(1, 1)),
            session: Rect::new(0, 1 + rule, columns - side, talk_rows),
            members: has_members
                .then(|| Rect::new(columns - MEMBERS, 1 + rule, MEMBERS, talk_rows)),
            lower: (rule > 0).then(|| row(lower, 1)),
            status: row(lower + rule, 1),
            input: row(lower + rule + 1, draft),
        })
    }
}
