//! Terminal access: modes, output and input. No other module accesses the terminal.
//!
//! There are three output modes:
//!
//! * The full screen.
//! * The plain view: the draft is in the last row, and new lines appear above it.
//! * Lines only, where nothing can be redrawn (a pipe, `TERM=dumb`).

mod decoder;
mod input;
mod keys;
mod modes;
mod painter;

use crate::safe;
use std::{
    env,
    io::{self, IsTerminal, Write},
};

use crossterm::{clipboard::CopyToClipboard, style::force_color_output};
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
        terminal::modes::{FULL, PLAIN},
    },
};

pub(crate) use crate::ui::terminal::input::{InputReader, signal_events};
#[cfg(unix)]
pub(crate) use crate::ui::terminal::modes::restore_forcibly;
pub use crate::ui::terminal::painter::Painter;

const ERASE_ROW: &[u8] = b"\r\x1B[K";
const PROMPT: &str = "> ";
const BELL: &[u8] = b"\x07";

/// The terminal. Dropping this restores its previous state.
pub struct Terminal {
    kind: TerminalMode,
}

enum TerminalMode {
    Lines,
    Plain,
    Full(Box<Painter>),
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
    /// Another process requests this one to stop.
    Suspend,
    /// The process continues after a stop.
    Continued,
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
        modes::restore_on_panic();
        modes::take_over(if plain { PLAIN } else { FULL }).map_err(|error| {
            modes::restore();
            let message = safe!["cannot set up the terminal: ", io_reason(&error)];
            Error::new(ExitStatus::NoTerminal, message)
        })?;
        let kind = if plain {
            TerminalMode::Plain
        } else {
            // The theme decides whether colours are used.
            force_color_output(true);
            TerminalMode::Full(Box::default())
        };
        Ok(Self { kind })
    }

    /// Returns the input source: keys from `input`, or lines from standard input.
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
        matches!(self.kind, TerminalMode::Full(_)).then(size)
    }

    /// Draws the full screen.
    ///
    /// # Errors
    /// Returns an error if standard output fails.
    pub fn draw(&mut self, frame: ScreenFrame) -> io::Result<()> {
        let TerminalMode::Full(painter) = &mut self.kind else { return Ok(()) };
        let mut page = FrameBuffer::default();
        painter.paint(&mut page, frame)?;
        page.flush()
    }

    /// Erases the full screen with the next frame, which is then drawn completely.
    pub fn erase(&mut self) {
        if let TerminalMode::Full(painter) = &mut self.kind {
            painter.erase();
        }
    }

    /// Writes lines: above the draft in the plain view, and without it in lines only
    /// mode. Does nothing in the full screen.
    ///
    /// # Errors
    /// Returns an error if standard output fails.
    pub fn print(&mut self, lines: &[SafeText], draft: &Editor, ascii: bool) -> io::Result<()> {
        match self.kind {
            TerminalMode::Lines => UnbufferedStdout.write_all(&frame(lines, None, false)),
            TerminalMode::Plain => {
                let columns = size().columns.into();
                UnbufferedStdout.write_all(&frame(lines, Some((draft, columns)), ascii))
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
        modes::restore_and_wipe();
    }

    /// Suspends the process group until it is continued (Ctrl+Z). The terminal has its
    /// previous state in the meantime.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn suspend(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        modes::job::suspend()?;
        self.erase();
        Ok(())
    }

    /// Takes over the terminal again after the process was stopped by another one.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub fn resume(&mut self) -> io::Result<()> {
        modes::take_over_again()?;
        self.erase();
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        modes::restore();
    }
}

fn can_redraw() -> bool {
    let smart = match env::var_os("TERM") {
        Some(name) => !name.is_empty() && name != "dumb",
        None => cfg!(windows),
    };
    smart && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Returns the size of the terminal. Some serial terminals do not report one; 80x24 is
/// assumed for them.
fn size() -> Size {
    #[cfg(unix)]
    let reported = rustix::termios::tcgetwinsize(rustix::stdio::stdout())
        .map_or((0, 0), |size| (size.ws_col, size.ws_row));
    #[cfg(not(unix))]
    let reported = crossterm::terminal::size().unwrap_or((0, 0));
    let or = |reported, default| if reported == 0 { default } else { reported };
    Size { columns: or(reported.0, 80), rows: or(reported.1, 24) }
}

/// Returns one frame of the plain view. It erases the row of the draft, writes the
/// lines and redraws the draft. The cursor ends at its position in the draft.
pub(crate) fn frame(lines: &[SafeText], draft: Option<(&Editor, usize)>, ascii: bool) -> Vec<u8> {
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
        let (row, column) = draft.row(room, ascii);
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
        String::from_utf8(super::frame(&lines, draft, false)).unwrap()
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
