//! Layout of the full screen.

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

/// Minimum size of the full screen.
const SMALLEST: Size = Size { columns: 20, rows: 5 };
/// Minimum screen width, in columns, for the member list.
const MEMBERS_FROM: u16 = 90;
/// Width of the member list, in columns.
const MEMBERS: u16 = 20;
/// Maximum number of rows of the draft.
const DRAFT: u16 = 5;
/// Columns of the prompt before the draft.
pub(super) const PROMPT: u16 = 2;

/// Areas of the screen, from the top: header, rule, messages (and members),
/// rule, status, input. A screen with few rows omits the rules.
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
    /// Computes the layout. Returns `None` if the screen is too small.
    pub(super) fn of(model: &Model, size: Size) -> Option<Self> {
        let Size { columns, rows } = size;
        if columns < SMALLEST.columns || rows < SMALLEST.rows {
            return None;
        }
        let rule = u16::from(rows >= 8);
        // Header, status and at least one row of messages must fit as well.
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
