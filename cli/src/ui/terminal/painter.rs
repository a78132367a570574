//! Output of frames: writes what differs from the frame before.
//!
//! A terminal may use another width than this program for a cluster of several code
//! points, or for a new emoji. Rows with such cells are erased and written as a
//! whole, with the cursor placed after each of those cells, so that no part of them
//! stays behind. The terminal must not wrap at the end of a row.

use std::io::{self, Write};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    queue,
    terminal::{Clear, ClearType},
};
use ratatui_core::{
    backend::Backend as _,
    buffer::{Buffer, Cell},
    layout::Rect,
};
use ratatui_crossterm::CrosstermBackend;
use unicode_width::UnicodeWidthStr as _;

use crate::ui::{layout::Size, render::ScreenFrame, terminal::modes::ERASE};

/// Writes frames, as differences to what the terminal shows.
#[derive(Default)]
pub struct Painter {
    /// The frame that the terminal shows, unless that is unknown.
    shown: Option<Buffer>,
}

impl Painter {
    /// Creates a painter for a blank terminal.
    #[must_use]
    pub fn blank(size: Size) -> Self {
        Self { shown: Some(Buffer::empty(Rect::new(0, 0, size.columns, size.rows))) }
    }

    /// Makes the next frame erase the terminal first.
    pub(super) fn erase(&mut self) {
        self.shown = None;
    }

    /// Writes `frame` to `out`.
    ///
    /// # Errors
    ///
    /// Returns an error if `out` fails.
    pub fn paint(&mut self, out: &mut impl Write, frame: ScreenFrame) -> io::Result<()> {
        let ScreenFrame { buffer, cursor } = frame;
        let shown = match self.shown.take().filter(|shown| shown.area == buffer.area) {
            Some(shown) => shown,
            None => {
                out.write_all(ERASE.as_bytes())?;
                Buffer::empty(buffer.area)
            }
        };
        let columns = usize::from(buffer.area.width).max(1);
        let rows = shown.content.chunks(columns).zip(buffer.content.chunks(columns));
        for (y, (old, new)) in (0_u16..).zip(rows) {
            if old == new {
                continue;
            }
            let cells = (0_u16..).zip(new);
            if [old, new].into_iter().flatten().all(is_simple) {
                let changed = cells.zip(old).filter(|((_, new), old)| new != old);
                write(out, changed.map(|((x, cell), _)| (x, y, cell)))?;
            } else {
                queue!(out, MoveTo(0, y), Clear(ClearType::CurrentLine))?;
                write_row(out, y, new)?;
            }
        }
        match cursor {
            Some(at) => queue!(out, MoveTo(at.x, at.y), Show)?,
            None => queue!(out, Hide)?,
        }
        self.shown = Some(buffer);
        Ok(())
    }
}

/// Writes a row, placing the cursor anew after each cell that is not simple.
fn write_row(out: &mut impl Write, y: u16, row: &[Cell]) -> io::Result<()> {
    let mut rest = row;
    let mut x = 0_u16;
    while !rest.is_empty() {
        let simple = rest.iter().take_while(|cell| is_simple(cell)).count();
        let (run, behind) = rest.split_at((simple + 1).min(rest.len()));
        write(out, (x..).zip(run).map(|(x, cell)| (x, y, cell)))?;
        let hidden = run.last().map_or(0, |cell| cell.symbol().width().saturating_sub(1));
        let hidden = hidden.min(behind.len());
        rest = &behind[hidden..];
        x = x.saturating_add(u16::try_from(run.len() + hidden).unwrap_or(u16::MAX));
    }
    Ok(())
}

fn write<'a>(
    out: &mut impl Write,
    cells: impl Iterator<Item = (u16, u16, &'a Cell)>,
) -> io::Result<()> {
    CrosstermBackend::new(out).draw(cells)
}

/// Returns whether every terminal draws this cell one column wide.
fn is_simple(cell: &Cell) -> bool {
    let symbol = cell.symbol();
    symbol.len() == 1 || (symbol.chars().count() == 1 && symbol.width() == 1)
}
