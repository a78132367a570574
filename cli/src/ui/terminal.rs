//! The one place that touches the terminal: its modes, what is drawn, and what
//! is typed.
//!
//! There are three ways to use it. The full screen. The plain view: the draft
//! stands in the last row, and lines that come in go above it. And lines alone,
//! one after the other, where nothing can be drawn twice (a pipe, `TERM=dumb`).

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
/// The cursor to the corner; the screen and what was scrolled off it erased.
const WIPE: &[u8] = b"\x1B[H\x1B[2J\x1B[3J";

/// Modes of the terminal that are ours now: the panic hook has to know.
static ACTIVE_MODES: AtomicU8 = AtomicU8::new(NONE);
const NONE: u8 = 0;
const PLAIN: u8 = 1;
const FULL: u8 = 2;

/// What the modes are switched on and off with, besides raw mode: bracketed
/// paste, and for the full screen the alternate one and focus events.
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

/// The terminal. It is as before when this is dropped.
pub struct Terminal {
    kind: TerminalMode,
}

enum TerminalMode {
    Lines,
    Plain,
    Full(Box<Cells<CrosstermBackend<FrameBuffer>>>),
}

/// What a person does at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalEvent {
    /// A key with a meaning.
    Key(Action),
    /// A paste, as it came.
    Paste(Zeroizing<String>),
    /// The window has this size now.
    Resized(Size),
    /// The window is looked at, or not any more.
    Focus(bool),
}

impl Terminal {
    /// Takes the terminal over, if there is one on both standard input and
    /// output and it is not a dumb one; all of it unless the view is to be
    /// `plain`.
    ///
    /// # Errors
    /// Exit code 13 if it cannot be set up.
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
                // Whether there are colours is decided elsewhere.
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

    /// Where input comes from: keys from [`input`], lines from standard input.
    #[must_use]
    pub fn source(&self) -> InputSource {
        match self.kind {
            TerminalMode::Plain | TerminalMode::Full(_) => InputSource::Keys,
            TerminalMode::Lines if io::stdin().is_terminal() => InputSource::Lines,
            TerminalMode::Lines => InputSource::Pipe,
        }
    }

    /// The size of the full screen, if that is the view.
    #[must_use]
    pub fn screen(&self) -> Option<Size> {
        matches!(self.kind, TerminalMode::Full(_)).then(|| {
            // Some serial lines do not know.
            let (columns, rows) = size().unwrap_or((80, 24));
            Size { columns, rows }
        })
    }

    /// Draws the full screen.
    ///
    /// # Errors
    /// Those of standard output.
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

    /// Has the next frame drawn from nothing.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn erase(&mut self) -> io::Result<()> {
        match &mut self.kind {
            TerminalMode::Full(cells) => {
                // Not `clear`, which asks the terminal where its cursor is.
                let area = cells.get_frame().area();
                cells.resize(area)
            }
            TerminalMode::Lines | TerminalMode::Plain => Ok(()),
        }
    }

    /// In the plain views: writes lines, above the draft where that is possible.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn print(&mut self, lines: &[SafeText], draft: &Editor) -> io::Result<()> {
        match self.kind {
            TerminalMode::Lines => UnbufferedStdout.write_all(&frame(lines, None)),
            TerminalMode::Plain => {
                UnbufferedStdout.write_all(&frame(lines, Some((draft, columns()))))
            }
            TerminalMode::Full(_) => Ok(()),
        }
    }

    /// Rings the bell.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn bell(&self) -> io::Result<()> {
        match self.kind {
            TerminalMode::Plain | TerminalMode::Full(_) => UnbufferedStdout.write_all(BELL),
            TerminalMode::Lines => Ok(()),
        }
    }

    /// Asks the terminal to put a text on the clipboard (OSC 52).
    ///
    /// # Errors
    /// Those of standard output.
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

    /// Gives the terminal back with nothing on it, nor scrolled off it. What fails
    /// now cannot be helped.
    pub fn erase_all(&self) {
        if restore() != NONE {
            let _ = UnbufferedStdout.write_all(WIPE);
        }
    }

    /// Stops the program until it is continued (Ctrl+Z), with the terminal as it
    /// was in the meantime.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn suspend(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            let ours = restore();
            if ours != NONE {
                // To this thread, so that it stops before the next line.
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

/// Waits for something typed; nothing if that does not come within `wait`.
///
/// # Errors
/// Those of the terminal.
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
        _ => 80, // some serial lines do not know
    }
}

fn take_over(modes: u8) -> io::Result<()> {
    enable_raw_mode()?;
    ACTIVE_MODES.store(modes, Ordering::Relaxed);
    UnbufferedStdout.write_all(switches(modes).0)
}

/// Gives the terminal back, and says what was ours of it. What fails now cannot
/// be helped.
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

/// One frame of a plain view: the draft's row erased, the lines, and the draft
/// again. The cursor ends where the draft has it.
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
        // The last column stays free: a full row would wrap.
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
