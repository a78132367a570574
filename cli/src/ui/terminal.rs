//! Terminal access: modes, output and input. No other module accesses the terminal.
//!
//! There are three output modes:
//!
//! * The full screen.
//! * The plain view: the draft is in the last row, and new lines appear above it.
//! * Lines only, where nothing can be redrawn (a pipe, `TERM=dumb`).

use crate::safe;
use std::{
    env,
    io::{self, IsTerminal, Write},
    panic,
    sync::{
        Once,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use crossterm::{
    clipboard::CopyToClipboard,
    event::{self, Event},
    style::force_color_output,
    terminal::{disable_raw_mode, enable_raw_mode, size},
};
use ratatui_core::terminal::Terminal as Cells;
use ratatui_crossterm::CrosstermBackend;
use zeroize::Zeroizing;

use crate::{
    error::{Error, ExitStatus, io_reason},
    text::{SafeBody, SafeText},
};
use crate::{
    session::InputSource,
    ui::{
        editor::Editor,
        keymap::Action,
        layout::Size,
        render::ScreenFrame,
        stdout::{FrameBuffer, UnbufferedStdout},
    },
};

const ERASE_ROW: &[u8] = b"\r\x1B[K";
const PROMPT: &str = "> ";
const BELL: &[u8] = b"\x07";
/// Moves the cursor to the corner, and erases the screen and the scrollback.
const WIPE: &[u8] = b"\x1B[H\x1B[2J\x1B[3J";

/// The terminal modes set by this process. Static, because the panic hook reads it.
static ACTIVE_MODES: AtomicU8 = AtomicU8::new(NONE);
const NONE: u8 = 0;
const PLAIN: u8 = 1;
const FULL: u8 = 2;

/// Returns the sequences that enable and disable `modes`, apart from raw mode.
/// These are bracketed paste and, for the full screen, the alternate screen and
/// focus events.
const fn switches(modes: u8) -> (&'static [u8], &'static [u8]) {
    match modes {
        NONE => (b"", b""),
        PLAIN => (b"\x1B[?2004h", b"\r\x1B[K\x1B[?2004l"),
        _ => (
            b"\x1B[?1049h\x1B[?2004h\x1B[?1004h",
            b"\x1B[0m\x1B[?1004l\x1B[?2004l\x1B[?25h\x1B[?1049l",
        ),
    }
}

/// The terminal. Dropping this restores its previous state.
pub struct Terminal {
    kind: TerminalMode,
}

enum TerminalMode {
    Lines,
    Plain,
    Full(Box<Cells<CrosstermBackend<FrameBuffer>>>),
}

/// An input event from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalEvent {
    /// A key that is bound to an action.
    Key(Action),
    /// A paste, unmodified.
    Paste(Zeroizing<String>),
    /// The terminal has this size now.
    Resized(Size),
    /// The terminal gained (`true`) or lost focus.
    Focus(bool),
}

impl Terminal {
    /// Sets up the terminal. Uses the plain view if `plain` is set, and the full
    /// screen otherwise. Falls back to lines only if standard input or output is not
    /// a terminal, or the terminal is dumb.
    ///
    /// # Errors
    /// Returns an error with exit code 13 if the terminal cannot be set up.
    pub fn enter(plain: bool) -> Result<Self, Error> {
        if !can_redraw() {
            return Ok(Self { kind: TerminalMode::Lines });
        }
        restore_on_panic();
        let take = || {
            take_over(if plain { PLAIN } else { FULL })?;
            Ok(if plain {
                TerminalMode::Plain
            } else {
                // The theme decides whether colours are used.
                force_color_output(true);
                let backend = CrosstermBackend::new(FrameBuffer::default());
                TerminalMode::Full(Box::new(Cells::new(backend)?))
            })
        };
        take().map(|kind| Self { kind }).map_err(|error: io::Error| {
            restore();
            let what = safe!["cannot set up the terminal: ", io_reason(&error)];
            Error::new(ExitStatus::NoTerminal, what)
        })
    }

    /// Returns the input source: keys from [`input`], or lines from standard input.
    #[must_use]
    pub fn source(&self) -> InputSource {
        match self.kind {
            TerminalMode::Plain | TerminalMode::Full(_) => InputSource::Keys,
            TerminalMode::Lines if io::stdin().is_terminal() => InputSource::Lines,
            TerminalMode::Lines => InputSource::Pipe,
        }
    }

    /// Returns the size of the full screen, or `None` in the other modes.
    #[must_use]
    pub fn screen(&self) -> Option<Size> {
        matches!(self.kind, TerminalMode::Full(_)).then(|| {
            // Some serial terminals do not report a size.
            let (columns, rows) = size().unwrap_or((80, 24));
            Size { columns, rows }
        })
    }

    /// Draws the full screen.
    ///
    /// # Errors
    /// Returns an error if standard output fails.
    pub fn draw(&mut self, view: impl FnOnce(Size) -> ScreenFrame) -> io::Result<()> {
        let TerminalMode::Full(cells) = &mut self.kind else { return Ok(()) };
        cells.draw(|frame| {
            let area = frame.area();
            let seen = view(Size { columns: area.width, rows: area.height });
            *frame.buffer_mut() = seen.buffer;
            if let Some(cursor) = seen.cursor {
                frame.set_cursor_position(cursor);
            }
        })?;
        Ok(())
    }

    /// Erases the full screen, so that the next frame is drawn completely.
    ///
    /// # Errors
    /// Returns an error if standard output fails.
    pub fn erase(&mut self) -> io::Result<()> {
        match &mut self.kind {
            TerminalMode::Full(cells) => {
                // Not `clear`, which queries the terminal for its cursor position.
                let area = cells.get_frame().area();
                cells.resize(area)
            }
            TerminalMode::Lines | TerminalMode::Plain => Ok(()),
        }
    }

    /// Writes lines: above the draft in the plain view, and without it in lines only
    /// mode. Does nothing in the full screen.
    ///
    /// # Errors
    /// Returns an error if standard output fails.
    pub fn print(&mut self, lines: &[SafeText], draft: &Editor) -> io::Result<()> {
        match self.kind {
            TerminalMode::Lines => UnbufferedStdout.write_all(&frame(lines, None)),
            TerminalMode::Plain => {
                UnbufferedStdout.write_all(&frame(lines, Some((draft, columns()))))
            }
            TerminalMode::Full(_) => Ok(()),
        }
    }

    /// Rings the terminal bell.
    ///
    /// # Errors
    /// Returns an error if standard output fails.
    pub fn bell(&self) -> io::Result<()> {
        match self.kind {
            TerminalMode::Plain | TerminalMode::Full(_) => UnbufferedStdout.write_all(BELL),
            TerminalMode::Lines => Ok(()),
        }
    }

    /// Asks the terminal to copy a text to the clipboard (OSC 52).
    ///
    /// # Errors
    /// Returns an error if standard output fails.
    pub fn copy(&self, text: &SafeBody) -> io::Result<()> {
        if matches!(self.kind, TerminalMode::Lines) {
            return Ok(());
        }
        let lines: Vec<_> = text.lines().map(SafeText::as_str).collect();
        let text = Zeroizing::new(lines.join("\n"));
        let mut page = FrameBuffer::default();
        crossterm::queue!(page, CopyToClipboard::to_clipboard_from(text.as_bytes()))?;
        page.flush()
    }

    /// Restores the terminal and erases the screen and the scrollback. Ignores errors,
    /// because nothing can be done about them.
    pub fn erase_all(&self) {
        if restore() != NONE {
            let _ = UnbufferedStdout.write_all(WIPE);
        }
    }

    /// Suspends the process until it is continued (Ctrl+Z). The terminal has its
    /// previous state in the meantime.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn suspend(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            let ours = restore();
            if ours != NONE {
                // Sent to this thread, so that it stops before the next statement.
                signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
                take_over(ours)?;
            }
        }
        self.erase()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Waits for an input event. Returns `None` if none arrives within `wait`, or if the
/// event has no meaning here.
///
/// # Errors
/// Returns an error if the terminal fails.
pub fn input(wait: Duration) -> io::Result<Option<TerminalEvent>> {
    if !event::poll(wait)? {
        return Ok(None);
    }
    Ok(match event::read()? {
        Event::Key(key) => Action::of(&key).map(TerminalEvent::Key),
        Event::Paste(text) => Some(TerminalEvent::Paste(Zeroizing::new(text))),
        Event::Resize(columns, rows) => Some(TerminalEvent::Resized(Size { columns, rows })),
        Event::FocusGained => Some(TerminalEvent::Focus(true)),
        Event::FocusLost => Some(TerminalEvent::Focus(false)),
        Event::Mouse(_) => None,
    })
}

fn can_redraw() -> bool {
    let smart = match env::var_os("TERM") {
        Some(name) => !name.is_empty() && name != "dumb",
        None => cfg!(windows),
    };
    smart && io::stdin().is_terminal() && io::stdout().is_terminal()
}

fn columns() -> usize {
    match size() {
        Ok((columns, _)) if columns > 0 => columns.into(),
        _ => 80, // some serial terminals do not report a size
    }
}

fn take_over(modes: u8) -> io::Result<()> {
    enable_raw_mode()?;
    ACTIVE_MODES.store(modes, Ordering::Relaxed);
    UnbufferedStdout.write_all(switches(modes).0)
}

/// Restores the terminal, and returns the modes that this process had set. Ignores
/// errors, because nothing can be done about them.
fn restore() -> u8 {
    let ours = ACTIVE_MODES.swap(NONE, Ordering::Relaxed);
    if ours != NONE {
        let _ = UnbufferedStdout.write_all(switches(ours).1);
        let _ = disable_raw_mode();
    }
    ours
}

fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            next(info);
        }));
    });
}

/// Returns one frame of the plain view. It erases the row of the draft, writes the
/// lines and redraws the draft. The cursor ends at its position in the draft.
pub(crate) fn frame(lines: &[SafeText], draft: Option<(&Editor, usize)>) -> Vec<u8> {
    let mut frame = Vec::new();
    let end: &[u8] = if draft.is_some() {
        frame.extend_from_slice(ERASE_ROW);
        b"\r\n"
    } else {
        b"\n"
    };
    for line in lines {
        frame.extend_from_slice(line.as_str().as_bytes());
        frame.extend_from_slice(end);
    }
    if let Some((draft, columns)) = draft {
        // The last column stays free, because a full row would wrap.
        let room = columns.saturating_sub(PROMPT.len() + 1);
        let (row, column) = draft.row(room);
        let column = PROMPT.len() + column;
        frame.extend_from_slice(format!("{PROMPT}{row}\r\x1B[{column}C").as_bytes());
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keymap::EditAction;

    fn frame(lines: &[&str], draft: Option<(&Editor, usize)>) -> String {
        let lines: Vec<_> = lines.iter().map(|line| SafeText::sanitize(line)).collect();
        String::from_utf8(super::frame(&lines, draft)).unwrap()
    }

    #[test]
    fn lines_are_drawn_above_the_draft() {
        let mut draft = Editor::default();
        assert_eq!(frame(&["a", "b"], Some((&draft, 80))), "\r\x1B[Ka\r\nb\r\n> \r\x1B[2C");
        draft.paste("日本x");
        draft.edit(EditAction::Left);
        assert_eq!(frame(&[], Some((&draft, 80))), "\r\x1B[K> 日本x\r\x1B[6C");
        assert_eq!(frame(&[], Some((&draft, 7))), "\r\x1B[K> 本x\r\x1B[4C");
        assert_eq!(frame(&[], Some((&draft, 1))), "\r\x1B[K> \r\x1B[2C");
    }

    #[test]
    fn output_is_plain_lines_without_a_terminal() {
        assert_eq!(frame(&["a", "b\x1B[2J"], None), "a\nb^[[2J\n");
        assert_eq!(frame(&[], None), "");
    }
}
