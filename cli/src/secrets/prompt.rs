//! The line editor of a prompt with masked input.

use zeroize::{Zeroize, Zeroizing};

use crate::invite::word_code;
use crate::secrets::{Bytes, MAX_LEN};
use crate::text::{SafeText, tail, width};

/// A key of the prompt.
#[derive(Clone, Copy)]
pub(super) enum PromptKey {
    Letter(char),
    Backspace,
    /// Ctrl+U
    Clear,
    /// Ctrl+T
    ShowOrHide,
    /// Tab
    Complete,
    Enter,
    /// Ctrl+C, or the end of input
    Cancel,
}

/// The state of the prompt after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptState {
    More,
    Done,
    Cancelled,
}

/// The kind of input that the prompt reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PromptKind {
    Password,
    /// A code of words. Tab completes a word, and the prompt counts them.
    Code,
    /// Public text, which is not masked.
    Open,
}

/// A prompt with the line typed so far. Its buffer never reallocates, so that no
/// copy of a secret remains.
pub(super) struct Prompt {
    text: Zeroizing<String>,
    kind: PromptKind,
    shown: bool,
    ended: bool,
    label: &'static str,
    /// Cells drawn after the label.
    drawn: usize,
}

impl Prompt {
    pub(super) fn password(label: &'static str) -> Self {
        Self::new(PromptKind::Password, label)
    }

    pub(super) fn code(label: &'static str) -> Self {
        Self::new(PromptKind::Code, label)
    }

    pub(super) fn open(label: &'static str) -> Self {
        Self::new(PromptKind::Open, label)
    }

    fn new(kind: PromptKind, label: &'static str) -> Self {
        let text = Zeroizing::new(String::with_capacity(MAX_LEN));
        Self { text, kind, shown: kind == PromptKind::Open, ended: false, label, drawn: 0 }
    }

    pub(super) fn press(&mut self, key: PromptKey) -> PromptState {
        match key {
            PromptKey::Letter(letter) => self.add(letter.encode_utf8(&mut [0; 4])),
            PromptKey::Complete => {
                if self.kind == PromptKind::Code
                    && let Some(rest) = word_code::completion(&self.text)
                {
                    self.add(&rest);
                }
            }
            PromptKey::Backspace => {
                self.text.pop();
            }
            PromptKey::Clear => self.text.zeroize(),
            PromptKey::ShowOrHide => self.shown = self.kind == PromptKind::Open || !self.shown,
            PromptKey::Enter => {
                self.end();
                return PromptState::Done;
            }
            PromptKey::Cancel => {
                self.end();
                return PromptState::Cancelled;
            }
        }
        PromptState::More
    }

    fn add(&mut self, text: &str) {
        if self.text.len() + text.len() <= MAX_LEN {
            self.text.push_str(text);
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.shown = self.kind == PromptKind::Open;
    }

    /// Returns the output that redraws the prompt on a line of `columns`. It uses no
    /// escape codes and fits one row.
    pub(super) fn draw(&mut self, columns: usize) -> Zeroizing<String> {
        let room = columns.saturating_sub(self.label.len() + 1).max(1);
        let seen = if self.shown {
            let text = SafeText::sanitize(&self.text);
            Zeroizing::new(tail(text.as_str(), room).to_owned())
        } else {
            Zeroizing::new("*".repeat(self.text.chars().count().min(room)))
        };
        let note = self.note(room.saturating_sub(width(&seen)));
        let cells = width(&seen) + width(&note);
        let rest = self.drawn.saturating_sub(cells);
        self.drawn = cells;
        let (blank, back) = (" ".repeat(rest), "\u{8}".repeat(rest + width(&note)));
        Zeroizing::new(["\r", self.label, &seen, &note, &blank, &back].concat())
    }

    /// Returns the progress note after a code that is being typed, if it fits.
    fn note(&self, room: usize) -> Zeroizing<String> {
        let mut note = Zeroizing::new(String::new());
        if self.kind == PromptKind::Code && !self.ended {
            let progress = word_code::progress(&self.text);
            if progress.width() > 0 && progress.width() + 2 <= room {
                note.push_str("  ");
                note.push_str(progress.as_str());
            }
        }
        note
    }

    pub(super) fn into_bytes(mut self) -> Bytes {
        Zeroizing::new(std::mem::take(&mut *self.text).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Prompt {
        let mut line = Prompt::password("? ");
        for letter in text.chars() {
            assert_eq!(line.press(PromptKey::Letter(letter)), PromptState::More);
        }
        line
    }

    #[test]
    fn prompt_masks_typed_characters() {
        let mut line = typed("pä日");
        assert_eq!(line.draw(80).as_str(), "\r? ***");
        line.press(PromptKey::Backspace);
        assert_eq!(line.draw(80).as_str(), "\r? ** \u{8}");
        assert_eq!(line.press(PromptKey::Enter), PromptState::Done);
        assert_eq!(line.into_bytes().as_slice(), "pä".as_bytes());
    }

    #[test]
    fn prompt_reveals_text_until_submitted() {
        let mut line = typed("a\u{1B}日");
        line.press(PromptKey::ShowOrHide);
        assert_eq!(line.draw(80).as_str(), "\r? a^[日");
        line.press(PromptKey::Enter);
        assert_eq!(line.draw(80).as_str(), "\r? ***  \u{8}\u{8}");
    }

    #[test]
    fn prompt_fits_one_row() {
        let mut line = typed(&"x".repeat(5_000));
        assert_eq!(line.draw(10).as_str(), "\r? *******");
        line.press(PromptKey::ShowOrHide);
        assert_eq!(line.draw(10).as_str(), "\r? xxxxxxx");
        assert_eq!(line.into_bytes().len(), MAX_LEN);
    }

    #[test]
    fn prompt_can_be_cleared_or_cancelled() {
        let mut line = typed("abc");
        line.press(PromptKey::Clear);
        assert_eq!(line.press(PromptKey::Cancel), PromptState::Cancelled);
        assert!(line.into_bytes().is_empty());
    }

    #[test]
    fn code_prompt_counts_words() {
        let mut line = Prompt::code("? ");
        let mut press = |keys: &str| {
            for key in keys.chars() {
                line.press(if key == '\t' { PromptKey::Complete } else { PromptKey::Letter(key) });
            }
            line.draw(80).trim_end_matches('\u{8}').to_owned()
        };
        assert_eq!(press("zoo"), "\r? ***  0 of 3 words");
        assert_eq!(press("\t"), "\r? *****  1 of 3 words");
        assert_eq!(press("tidi-"), "\r? **********  \"tidi\" is not a code word");
        line.press(PromptKey::Clear);
        assert_eq!(
            line.draw(80).trim_end(),
            format!("\r? {}{}", " ".repeat(37), "\u{8}".repeat(37))
        );
        line.press(PromptKey::Letter('o'));
        assert_eq!(line.draw(80).as_str(), format!("\r? *  0 of 3 words{}", "\u{8}".repeat(14)));
        assert_eq!(
            line.draw(16).as_str(),
            format!("\r? *{}{}", " ".repeat(14), "\u{8}".repeat(14))
        );
        line.press(PromptKey::Enter);
        assert_eq!(line.draw(80).as_str(), "\r? *");
    }

    #[test]
    fn non_secret_prompt_shows_typed_text() {
        let mut line = Prompt::open("name: ");
        line.press(PromptKey::Letter('b'));
        line.press(PromptKey::ShowOrHide);
        line.press(PromptKey::Enter);
        assert_eq!(line.draw(80).as_str(), "\rname: b");
    }
}
