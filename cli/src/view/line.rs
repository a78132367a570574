//! The draft: one line editor for whatever is typed. Keys go in, actions come
//! out; it knows no terminal.

use std::mem;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};
use zeroize::Zeroizing;

use crate::text::{Clean, Shown, draft};

/// A draft does not become longer than this, in bytes. What a room takes is
/// less and not decided here.
const LONGEST: usize = 65_536;

/// What can be pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Anything that is text.
    Letter(char),
    /// Send.
    Enter,
    /// A new line in the draft: Ctrl+J, Alt+Enter.
    NewLine,
    /// Delete to the left.
    Backspace,
    /// Delete to the right.
    Delete,
    /// Ctrl+W: delete the word to the left.
    DeleteWord,
    /// Ctrl+U: cut everything to the left.
    CutLeft,
    /// Ctrl+K: cut everything to the right.
    CutRight,
    /// Ctrl+Y: put back what was cut.
    PutBack,
    /// One to the left.
    Left,
    /// One to the right.
    Right,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Ctrl+C: clear the draft, or leave.
    Interrupt,
    /// Ctrl+D: delete to the right, or leave.
    EndOfInput,
    /// Ctrl+L.
    Redraw,
    /// Ctrl+Z.
    Suspend,
}

impl Key {
    /// The meaning of a key of the terminal, if it has one here.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys have no meaning")]
    #[must_use]
    pub fn of(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        // With both it is a letter of the third level on many keyboards.
        if event.modifiers.contains(KeyModifiers::CONTROL) && !alt {
            return Self::with_control(event.code.as_char()?);
        }
        match event.code {
            KeyCode::Enter
                if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT) =>
            {
                Some(Self::NewLine)
            }
            KeyCode::Enter => Some(Self::Enter),
            KeyCode::Backspace if alt => Some(Self::DeleteWord),
            KeyCode::Backspace => Some(Self::Backspace),
            KeyCode::Delete => Some(Self::Delete),
            KeyCode::Left => Some(Self::Left),
            KeyCode::Right => Some(Self::Right),
            KeyCode::Home => Some(Self::Home),
            KeyCode::End => Some(Self::End),
            code => code.as_char().filter(|letter| !letter.is_control()).map(Self::Letter),
        }
    }

    const fn with_control(letter: char) -> Option<Self> {
        Some(match letter {
            'a' => Self::Home,
            'b' => Self::Left,
            'c' => Self::Interrupt,
            'd' => Self::EndOfInput,
            'e' => Self::End,
            'f' => Self::Right,
            'h' => Self::Backspace,
            'j' => Self::NewLine,
            'k' => Self::CutRight,
            'l' => Self::Redraw,
            'u' => Self::CutLeft,
            'w' => Self::DeleteWord,
            'y' => Self::PutBack,
            'z' => Self::Suspend,
            _ => return None,
        })
    }
}

/// What comes of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing changed.
    Nothing,
    /// The draft or the cursor changed.
    Edited,
    /// Enter: the draft, which may have been empty, and is now.
    Submit(Zeroizing<String>),
    /// Ctrl+C or Ctrl+D in an empty draft.
    Leave,
    /// Everything is to be drawn again.
    Redraw,
    /// The program is to stop until it is continued.
    Suspend,
}

/// A draft and its cursor. Wiped on drop, and wherever it moves in memory.
#[derive(Default)]
pub struct Line {
    text: Zeroizing<String>,
    /// Byte index, always between two graphemes.
    cursor: usize,
    cut: Zeroizing<String>,
}

impl Line {
    /// Presses a key.
    pub fn press(&mut self, key: Key) -> Action {
        let (before, after) = (self.previous(), self.next());
        match key {
            Key::Letter(letter) => return self.insert(letter.encode_utf8(&mut [0; 4])),
            Key::NewLine => return self.insert("\n"),
            Key::PutBack => {
                let cut = self.cut.clone();
                return self.insert(&cut);
            }
            Key::Enter => {
                self.cursor = 0;
                return Action::Submit(mem::take(&mut self.text));
            }
            Key::Interrupt | Key::EndOfInput if self.text.is_empty() => return Action::Leave,
            Key::Interrupt => {
                self.cut = mem::take(&mut self.text);
                self.cursor = 0;
            }
            Key::Redraw => return Action::Redraw,
            Key::Suspend => return Action::Suspend,
            Key::Backspace => self.remove(before, self.cursor),
            Key::Delete | Key::EndOfInput => self.remove(self.cursor, after),
            Key::DeleteWord => self.remove(self.word_start(), self.cursor),
            Key::CutLeft => self.cut_out(0, self.cursor),
            Key::CutRight => self.cut_out(self.cursor, self.text.len()),
            Key::Left => self.cursor = before,
            Key::Right => self.cursor = after,
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
        }
        Action::Edited
    }

    /// Inserts a paste, cleaned as a message is, whatever it holds. It is never
    /// sent by itself.
    pub fn paste(&mut self, text: &str) -> Action {
        let text = Zeroizing::new(draft(text));
        self.insert(&text)
    }

    /// The draft.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Puts back a draft that could not be sent, if nothing new was begun.
    pub fn restore(&mut self, text: Zeroizing<String>) {
        if self.text.is_empty() {
            self.cursor = text.len();
            self.text = text;
        }
    }

    /// What of the draft is seen in a row of `columns`, and in which of them
    /// the cursor stands. Line ends are shown as `⏎`.
    #[must_use]
    pub fn render(&self, columns: usize) -> (Shown, usize) {
        let shown = |grapheme: &str| match grapheme {
            "\n" => Shown::line(&[&"⏎"]),
            _ => Shown::one_line(grapheme),
        };
        let room = columns.saturating_sub(1);
        let (left, right) = self.text.split_at(self.cursor);
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
        let parts: Vec<&dyn Clean> = seen.iter().map(|cell| cell as &dyn Clean).collect();
        (Shown::line(&parts), column)
    }

    fn insert(&mut self, text: &str) -> Action {
        let length = self.text.len() + text.len();
        if text.is_empty() || length > LONGEST {
            return Action::Nothing;
        }
        if length > self.text.capacity() {
            // Not left to the string, which would leave a copy behind.
            let mut larger =
                Zeroizing::new(String::with_capacity(length.next_power_of_two().max(256)));
            larger.push_str(&self.text);
            self.text = larger;
        }
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
        self.settle();
        Action::Edited
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
        self.settle();
    }

    fn cut_out(&mut self, from: usize, to: usize) {
        if from < to {
            self.cut = Zeroizing::new(self.text[from..to].to_owned());
            self.remove(from, to);
        }
    }

    /// What was apart may be one grapheme now, with the cursor inside.
    fn settle(&mut self) {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        if cursor.is_boundary(&self.text, 0) == Ok(false) {
            self.cursor = self.next();
        }
    }

    fn previous(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    fn next(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        let next = cursor.next_boundary(&self.text, 0);
        next.ok().flatten().unwrap_or(self.text.len())
    }

    fn word_start(&self) -> usize {
        let left = self.text[..self.cursor].trim_end();
        left.char_indices()
            .rev()
            .find(|(_, letter)| letter.is_whitespace())
            .map_or(0, |(at, space)| at + space.len_utf8())
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
