//! Renders the model as one frame of the full screen.
//!
//! This module writes every cell itself, from [`SafeText`], because widgets let
//! characters reach the terminal that a peer must not be able to send.

use crate::safe;
use cmdchat_core::{time::Tick, wire::MAX_TEXT};
use ratatui_core::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::text::{SafeDisplay, SafeText};
use crate::ui::{
    editor::Rows,
    layout::{Layout, PROMPT, Size},
    message_list::{MessageList, StyledRow, TextRole},
    model::{ConnectionState, LockScreen, Model},
    theme::Theme,
};

/// Screen width, in columns, below which the header is shortened.
const NARROW: u16 = 60;
/// Draft length, three quarters of the maximum, from which its size is shown.
const LONG: usize = MAX_TEXT / 4 * 3;

/// One frame of the full screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenFrame {
    /// All cells.
    pub buffer: Buffer,
    /// Position of the cursor, if it is visible.
    pub cursor: Option<Position>,
}

/// Renders `model` as of `now`.
#[must_use]
pub fn draw(model: &Model, look: Theme, now: Tick, size: Size) -> ScreenFrame {
    let area = Rect::new(0, 0, size.columns, size.rows);
    let mut canvas = Canvas { buffer: Buffer::empty(area), look };
    let cursor = match (Layout::of(model, size), &model.locked) {
        (Some(layout), Some(lock)) => Some(canvas.lock(&layout, lock)),
        (Some(layout), None) => {
            canvas.header(layout.header, model, now);
            canvas.rules(&layout);
            canvas.session(layout.session, model);
            if let Some(area) = layout.members {
                canvas.members(area, model);
            }
            canvas.status(layout.status, model, now);
            Some(canvas.input(layout.input, model, size))
        }
        (None, _) => {
            canvas.put(area, 0, 0, &safe!["terminal too small"], Style::new());
            None
        }
    };
    ScreenFrame { buffer: canvas.buffer, cursor }
}

struct Canvas {
    buffer: Buffer,
    look: Theme,
}

impl Canvas {
    /// Writes a line into a row of `area`, starting at `column`, as far as it fits.
    fn put(&mut self, area: Rect, column: u16, row: u16, line: &SafeText, style: Style) {
        let (mut x, y) = (area.x.saturating_add(column), area.y.saturating_add(row));
        for cluster in line.as_str().graphemes(false) {
            let width = u16::try_from(cluster.width()).unwrap_or(u16::MAX);
            if width > area.right().saturating_sub(x) || y >= area.bottom() {
                return;
            }
            if let Some(cell) = self.buffer.cell_mut((x, y)) {
                cell.set_symbol(cluster).set_style(style);
            }
            for hidden in x + 1..x + width {
                if let Some(cell) = self.buffer.cell_mut((hidden, y)) {
                    cell.reset();
                }
            }
            x += width;
        }
    }

    /// Writes a line at the right end of a row of `area`.
    fn put_right(&mut self, area: Rect, row: u16, line: &SafeText, style: Style) {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        let column = area.width.saturating_sub(width.saturating_add(1));
        self.put(area, column, row, line, style);
    }

    fn header(&mut self, area: Rect, model: &Model, now: Tick) {
        let right = match (model.link, model.link.countdown(now)) {
            (_, Some(seconds)) => safe!["reconnecting in ", seconds, " s"],
            (ConnectionState::Online, None) => safe![model.online, " online"],
            (ConnectionState::Connecting { .. } | ConnectionState::Backoff { .. }, None) => {
                safe!["reconnecting"]
            }
        };
        let narrow = area.width < NARROW;
        let verified: &dyn SafeDisplay = match (model.verified, narrow) {
            (None, true) => &"?",
            (None, false) => &"unverified (/verify)",
            (Some(true), true) => &"ok",
            (Some(true), false) => &"verified",
            (Some(false), true) => &"!!",
            (Some(false), false) => &"ANOTHER ROOM",
        };
        let mode = model.mode();
        let room = usize::from(area.width).saturating_sub(right.width() + 3);
        let left = if narrow {
            safe![mode, "  ", verified]
        } else {
            // The mode is always visible; a long address is cut off.
            let rest = safe!["   ", mode, "   ", verified];
            let address = safe!["cmdchat  ", model.address];
            safe![address.truncate(room.saturating_sub(rest.width())), rest]
        };
        let style = self.look.header(model.mode, model.link == ConnectionState::Online);
        self.put(area, 1, 0, &left.truncate(room), style);
        self.put_right(area, 0, &right, style);
    }

    /// Draws the lock screen, and returns the cursor position.
    fn lock(&mut self, layout: &Layout, lock: &LockScreen) -> Position {
        self.put_right(layout.header, 0, &safe!["locked"], self.look.status());
        let what =
            if lock.refused { "that is not the passphrase" } else { "passphrase to return:" };
        self.put(layout.status, 1, 0, &safe![what], self.look.status());
        self.put(layout.input, 0, 0, &safe!["> "], self.look.role(TextRole::Dim));
        Position::new(layout.input.x + PROMPT, layout.input.y)
    }

    fn rules(&mut self, layout: &Layout) {
        let (across, [upper, lower], down) =
            if self.look.ascii { ("-", ["+", "+"], "|") } else { ("─", ["┬", "┴"], "│") };
        let style = self.look.role(TextRole::Dim);
        for (area, joint) in [(layout.upper, upper), (layout.lower, lower)] {
            let Some(area) = area else { continue };
            for column in 0..area.width {
                self.put(area, column, 0, &safe![across], style);
            }
            if let Some(members) = layout.members {
                self.put(area, members.x - 1, 0, &safe![joint], style);
            }
        }
        if let Some(members) = layout.members {
            let column = Rect { x: members.x - 1, width: 1, ..members };
            for row in 0..column.height {
                self.put(column, 0, row, &safe![down], style);
            }
        }
    }

    fn session(&mut self, area: Rect, model: &Model) {
        let rows = MessageList::new(model, area.width.into())
            .visible_rows(model.place, area.height.into());
        for (y, StyledRow(pieces)) in (0..).zip(&rows) {
            for (column, line, role) in pieces {
                let column = u16::try_from(*column).unwrap_or(u16::MAX);
                self.put(area, column, y, line, self.look.role(*role));
            }
        }
    }

    fn members(&mut self, area: Rect, model: &Model) {
        let room = usize::from(area.height);
        let more = model.members.len().saturating_sub(room);
        let shown = if more > 0 { room.saturating_sub(1) } else { room };
        for (row, member) in (0..).zip(model.members.iter().take(shown)) {
            let role = if member.own { TextRole::OwnName } else { TextRole::Text };
            self.put(area, 1, row, &member.name.truncate(12), self.look.role(role));
            if member.own {
                let dim = self.look.role(TextRole::Dim);
                self.put(area, 14, row, &safe!["you"], dim);
            }
        }
        if more > 0 {
            let more = safe!["and ", (more + 1), " more"];
            self.put(area, 1, area.height - 1, &more, self.look.role(TextRole::Dim));
        }
    }

    fn status(&mut self, area: Rect, model: &Model, now: Tick) {
        let mut line = safe![" "];
        let mut say = |parts: &[&dyn SafeDisplay]| {
            line = safe![line, SafeText::concat(parts), "   "];
        };
        if model.below > 0 {
            say(&[&model.below, &" new below (End)"]);
        }
        let lines = model.editor.lines();
        if let Some(status) = &model.status {
            say(&[status]);
        } else if let Some(find) = &model.find {
            match (find.count, find.query.text()) {
                (_, "") => say(&[&"find: type what to look for (Esc out)"]),
                (0, _) => say(&[&"not found (Esc out)"]),
                (count, _) => say(&[&find.number, &" of ", &count, &" (Enter next, Esc out)"]),
            }
        } else if model.preview {
            say(&[&lines, &" lines: Enter sends, Ctrl+J joins into one line, Esc goes back"]);
        } else if let Some(seconds) = model.link.countdown(now) {
            let next = safe![seconds, " s (Enter now, Ctrl+C stop)"];
            say(&[&"connection lost, next try in ", &next]);
        } else if model.link != ConnectionState::Online {
            say(&[&"connection lost, trying again (Ctrl+C stop)"]);
        }
        if lines > 1 && !model.preview {
            say(&[&lines, &" lines"]);
        }
        let size = model.editor.text().len();
        if size >= LONG {
            say(&[&thousands(size), &" of ", &thousands(MAX_TEXT)]);
        }
        self.put(area, 0, 0, &line, self.look.status());
    }

    /// Draws the draft or the search query, and returns the cursor position.
    fn input(&mut self, area: Rect, model: &Model, size: Size) -> Position {
        let prompt: &dyn SafeDisplay = if model.find.is_some() { &"/ " } else { &"> " };
        self.put(area, 0, 0, &safe![prompt], self.look.role(TextRole::Dim));
        let Rows { rows, cursor: (row, column) } = model.draft_rows(size, area.height.into());
        for (y, line) in (0..).zip(&rows) {
            self.put(area, PROMPT, y, line, Style::new());
        }
        let cell = |cells: usize| u16::try_from(cells).unwrap_or(u16::MAX);
        Position::new(area.x + PROMPT + cell(column), area.y + cell(row))
    }
}

/// Formats a number with separators: `1,204`
fn thousands(number: usize) -> SafeText {
    match number / 1_000 {
        0 => safe![number],
        high => {
            let low = SafeText::sanitize(&format!("{:03}", number % 1_000));
            safe![high, ",", low]
        }
    }
}
