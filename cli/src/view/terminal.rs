//! The one place that touches the terminal: its modes, what is drawn, and what
//! is typed.
//!
//! At a terminal that can erase a line the draft stands in the last row, and
//! lines that come in go above it. Everywhere else (a pipe, `TERM=dumb`) lines
//! are written one after the other and nothing is drawn twice.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode, size};
use zeroize::Zeroizing;

use super::{editor::Editor, keys::Key, output::Output};
use crate::exit::{Exit, Failure, reason};
use crate::text::Shown;

const PASTE_ON: &[u8] = b"\x1B[?2004h";
const PASTE_OFF: &[u8] = b"\x1B[?2004l";
const ERASE_ROW: &[u8] = b"\r\x1B[K";
const PROMPT: &str = "> ";

/// Whether the terminal is in our modes now: the panic hook has to know.
static OURS: AtomicBool = AtomicBool::new(false);

/// The screen of plain mode. The terminal is as before when this is dropped.
pub struct Terminal {
    out: Output,
}

/// What a person does at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key with a meaning.
    Key(Key),
    /// A paste, as it came.
    Paste(Zeroizing<String>),
    /// The window changed its size.
    Resized,
}

impl Terminal {
    /// Takes the terminal over, if there is one on both standard input and
    /// output and it is not a dumb one.
    ///
    /// # Errors
    /// Exit code 13 if it cannot be set up.
    pub fn enter() -> Result<Self, Failure> {
        let terminal = Self { out: Output };
        if can_redraw() {
            restore_on_panic();
            take_over().map_err(|error| {
                let what = Shown::line(&[&"cannot set up the terminal: ", &reason(&error)]);
                Failure::new(Exit::NoTerminal, what)
            })?;
        }
        Ok(terminal)
    }

    /// Whether keys come one by one, from [`input`]. If not, standard input
    /// is to be read by lines.
    #[must_use]
    pub fn is_live(&self) -> bool {
        OURS.load(Ordering::Relaxed)
    }

    /// Whether a person types, be the terminal live or dumb.
    #[must_use]
    pub fn is_at_person() -> bool {
        io::stdin().is_terminal()
    }

    /// Writes lines, above the draft where that is possible.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn print(&mut self, lines: &[Shown], draft: &Editor) -> io::Result<()> {
        let draft = self.is_live().then(|| (draft, columns()));
        self.out.write_all(&frame(lines, draft))?;
        self.out.flush()
    }

    /// Draws the draft again.
    ///
    /// # Errors
    /// Those of standard output.
    pub fn redraw(&mut self, draft: &Editor) -> io::Result<()> {
        self.print(&[], draft)
    }

    /// Stops the program until it is continued (Ctrl+Z), with the terminal as it
    /// was in the meantime.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn suspend(&mut self, draft: &Editor) -> io::Result<()> {
        #[cfg(unix)]
        if self.is_live() {
            restore();
            // To this thread, so that it stops before the next line.
            signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
            take_over()?;
        }
        self.redraw(draft)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Waits for a key, a paste or a new size; nothing if none comes within `wait`.
///
/// # Errors
/// Those of the terminal.
pub fn input(wait: Duration) -> io::Result<Option<Input>> {
    if !event::poll(wait)? {
        return Ok(None);
    }
    Ok(match event::read()? {
        Event::Key(key) => Key::of(&key).map(Input::Key),
        Event::Paste(text) => Some(Input::Paste(Zeroizing::new(text))),
        Event::Resize(..) => Some(Input::Resized),
        Event::FocusGained | Event::FocusLost | Event::Mouse(_) => None,
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

fn take_over() -> io::Result<()> {
    enable_raw_mode()?;
    OURS.store(true, Ordering::Relaxed);
    let mut out = Output;
    out.write_all(PASTE_ON)?;
    out.flush()
}

/// Gives the terminal back, if it is ours. What fails now cannot be helped.
fn restore() {
    if OURS.swap(false, Ordering::Relaxed) {
        let mut out = Output;
        let _ = out.write_all(ERASE_ROW);
        let _ = out.write_all(PASTE_OFF);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
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

/// One frame: the draft's row erased, the lines, and the draft again. The
/// cursor ends where the draft has it.
fn frame(lines: &[Shown], draft: Option<(&Editor, usize)>) -> Vec<u8> {
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
    use crate::view::keys::Edit;

    fn frame(lines: &[&str], draft: Option<(&Editor, usize)>) -> String {
        let lines: Vec<_> = lines.iter().map(|line| Shown::one_line(line)).collect();
        String::from_utf8(super::frame(&lines, draft)).unwrap()
    }

    #[test]
    fn lines_go_above_the_draft() {
        let mut draft = Editor::default();
        assert_eq!(frame(&["a", "b"], Some((&draft, 80))), "\r\x1B[Ka\r\nb\r\n> \r\x1B[2C");
        draft.paste("日本x");
        draft.edit(Edit::Left);
        assert_eq!(frame(&[], Some((&draft, 80))), "\r\x1B[K> 日本x\r\x1B[6C");
        assert_eq!(frame(&[], Some((&draft, 7))), "\r\x1B[K> 本x\r\x1B[4C");
        assert_eq!(frame(&[], Some((&draft, 1))), "\r\x1B[K> \r\x1B[2C");
    }

    #[test]
    fn without_a_terminal_there_are_lines_only() {
        assert_eq!(frame(&["a", "b\x1B[2J"], None), "a\nb^[[2J\n");
        assert_eq!(frame(&[], None), "");
    }
}
