//! A line that is typed without being seen.

use zeroize::{Zeroize, Zeroizing};

use super::{Bytes, LONGEST};
use crate::text::{Shown, tail};

/// What can be pressed.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Letter(char),
    Backspace,
    /// Ctrl+U
    Clear,
    /// Ctrl+T
    ShowOrHide,
    Enter,
    /// Ctrl+C, or the end of input
    Cancel,
}

/// What comes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    More,
    Done,
    Cancelled,
}

/// The line as far as it was typed. Its buffer never grows.
pub(super) struct Masked {
    text: Zeroizing<String>,
    shown: bool,
    label: &'static str,
    /// Cells drawn behind the label.
    drawn: usize,
}

impl Masked {
    pub(super) fn new(label: &'static str) -> Self {
        Self { text: Zeroizing::new(String::with_capacity(LONGEST)), shown: false, label, drawn: 0 }
    }

    pub(super) fn press(&mut self, key: Key) -> Typed {
        match key {
            Key::Letter(letter) => {
                if self.text.len() + letter.len_utf8() <= LONGEST {
                    self.text.push(letter);
                }
            }
            Key::Backspace => {
                self.text.pop();
            }
            Key::Clear => self.text.zeroize(),
            Key::ShowOrHide => self.shown = !self.shown,
            Key::Enter => {
                self.shown = false;
                return Typed::Done;
            }
            Key::Cancel => {
                self.shown = false;
                return Typed::Cancelled;
            }
        }
        Typed::More
    }

    /// What to write to make a line of `columns` look as it should. Neither
    /// escape codes nor more than one row are needed.
    pub(super) fn draw(&mut self, columns: usize) -> Zeroizing<String> {
        let room = columns.saturating_sub(self.label.len() + 1).max(1);
        let seen = if self.shown {
            let text = Shown::one_line(&self.text);
            Zeroizing::new(tail(text.as_str(), room).to_owned())
        } else {
            Zeroizing::new("*".repeat(self.text.chars().count().min(room)))
        };
        let cells = crate::text::width(&seen);
        let rest = self.drawn.saturating_sub(cells);
        self.drawn = cells;
        let (blank, back) = (" ".repeat(rest), "\u{8}".repeat(rest));
        Zeroizing::new(["\r", self.label, &seen, &blank, &back].concat())
    }

    pub(super) fn into_bytes(mut self) -> Bytes {
        Zeroizing::new(std::mem::take(&mut *self.text).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Masked {
        let mut line = Masked::new("? ");
        for letter in text.chars() {
            assert_eq!(line.press(Key::Letter(letter)), Typed::More);
        }
        line
    }

    #[test]
    fn letters_are_stars() {
        let mut line = typed("pä日");
        assert_eq!(line.draw(80).as_str(), "\r? ***");
        line.press(Key::Backspace);
        assert_eq!(line.draw(80).as_str(), "\r? ** \u{8}");
        assert_eq!(line.press(Key::Enter), Typed::Done);
        assert_eq!(line.into_bytes().as_slice(), "pä".as_bytes());
    }

    #[test]
    fn they_can_be_seen_for_a_while() {
        let mut line = typed("a\u{1B}日");
        line.press(Key::ShowOrHide);
        assert_eq!(line.draw(80).as_str(), "\r? a^[日");
        line.press(Key::Enter);
        assert_eq!(line.draw(80).as_str(), "\r? ***  \u{8}\u{8}");
    }

    #[test]
    fn one_row_is_enough() {
        let mut line = typed(&"x".repeat(5_000));
        assert_eq!(line.draw(10).as_str(), "\r? *******");
        line.press(Key::ShowOrHide);
        assert_eq!(line.draw(10).as_str(), "\r? xxxxxxx");
        assert_eq!(line.into_bytes().len(), LONGEST);
    }

    #[test]
    fn it_can_be_cleared_and_left() {
        let mut line = typed("abc");
        line.press(Key::Clear);
        assert_eq!(line.press(Key::Cancel), Typed::Cancelled);
        assert!(line.into_bytes().is_empty());
    }
}
