//! The line editor for all views. It has no access to the terminal, and leaves the
//! meaning of Enter to its caller.

mod complete;
mod draft;
mod history;
mod rows;

use std::mem;

use zeroize::Zeroizing;

use crate::text;
use crate::ui::editor::{complete::Completion, draft::Draft, history::History};
use crate::ui::keymap::EditAction;

pub use crate::ui::editor::rows::Rows;

/// Maximum number of changes that can be undone.
const UNDO: usize = 64;

/// A draft with its cursor, undo steps and history. Zeroized on drop, and wherever it
/// moves in memory.
#[derive(Default)]
pub struct Editor {
    draft: Draft,
    cut: Zeroizing<String>,
    before: Vec<Draft>,
    history: History,
    completion: Option<Completion>,
    /// The last change inserted a character. A character inserted next is undone
    /// together with it.
    in_a_word: bool,
    /// The last change was a cut, which the next one extends.
    cutting: bool,
    /// A text was not inserted, because the draft would become too long.
    overflowed: bool,
}

impl Editor {
    /// Applies one editing action.
    pub fn edit(&mut self, edit: EditAction) {
        self.completion = None;
        let in_a_word = mem::take(&mut self.in_a_word);
        if !edit.cuts() {
            self.cutting = false;
        }
        match edit {
            EditAction::Insert(letter) => {
                if !in_a_word || letter.is_whitespace() {
                    self.remember();
                }
                self.overflowed |= !self.draft.insert(letter.encode_utf8(&mut [0; 4]));
                self.in_a_word = true;
            }
            EditAction::NewLine => drop(self.insert("\n")),
            EditAction::Yank => {
                let cut = self.cut.clone();
                self.insert(&cut);
            }
            EditAction::Backspace => self.delete(self.draft.before(), self.draft.cursor()),
            EditAction::Delete => self.delete(self.draft.cursor(), self.draft.after()),
            EditAction::DeleteWordLeft => {
                self.cut_out(self.draft.word_before(), self.draft.cursor());
            }
            EditAction::DeleteWordRight => {
                self.cut_out(self.draft.cursor(), self.draft.word_after());
            }
            EditAction::KillToStart if self.draft.line_start() == self.draft.cursor() => {
                self.cut_out(self.draft.before(), self.draft.cursor());
            }
            EditAction::KillToStart => self.cut_out(self.draft.line_start(), self.draft.cursor()),
            EditAction::KillToEnd if self.draft.line_end() == self.draft.cursor() => {
                self.cut_out(self.draft.cursor(), self.draft.after());
            }
            EditAction::KillToEnd => self.cut_out(self.draft.cursor(), self.draft.line_end()),
            EditAction::Undo => {
                if let Some(before) = self.before.pop() {
                    self.draft = before;
                }
            }
            EditAction::Left => self.draft.go(self.draft.before()),
            EditAction::Right => self.draft.go(self.draft.after()),
            EditAction::WordLeft => self.draft.go(self.draft.word_before()),
            EditAction::WordRight => self.draft.go(self.draft.word_after()),
            EditAction::Home => self.draft.go(self.draft.line_start()),
            EditAction::End => self.draft.go(self.draft.line_end()),
            EditAction::Up => {
                if !self.draft.go_up()
                    && let Some(text) = self.history.back(self.draft.text())
                {
                    self.replace(text);
                }
            }
            EditAction::Down => {
                if !self.draft.go_down()
                    && let Some(text) = self.history.forward(self.draft.text())
                {
                    self.replace(text);
                }
            }
        }
    }

    /// Inserts a paste, sanitized like a message and without its final newline. A
    /// paste is never sent automatically.
    pub fn paste(&mut self, text: &str) {
        let without = text.strip_suffix("\r\n").or_else(|| text.strip_suffix(['\n', '\r']));
        let text = without.unwrap_or(text);
        let text = Zeroizing::new(text::sanitize_draft(text));
        let first = self.draft.cursor() == 0;
        if self.insert(&text) && first {
            self.draft.mark_as_pasted();
        }
    }

    /// Completes the word before the cursor (Tab). Each call selects the next option,
    /// or the previous one if `back` is set. `options` receives the word, and whether
    /// it is the first word of the draft.
    pub fn complete(&mut self, back: bool, options: impl FnOnce(&str, bool) -> Vec<String>) {
        self.in_a_word = false;
        let completion = match self.completion.take() {
            Some(completion) => Some(completion),
            None => {
                let word = self.draft.word_to_complete();
                let text = &self.draft.text()[word..self.draft.cursor()];
                let found = options(text, word == 0);
                let completion = Completion::new(word, text, found);
                if completion.is_some() {
                    self.remember();
                }
                completion
            }
        };
        if let Some(mut completion) = completion {
            self.draft.remove(completion.start(), self.draft.cursor());
            self.overflowed |= !self.draft.insert(completion.choose(back));
            self.completion = Some(completion);
        }
    }

    /// Returns whether a text was not inserted since the last call, because the draft
    /// would have become too long.
    pub const fn take_overflow(&mut self) -> bool {
        mem::replace(&mut self.overflowed, false)
    }

    /// Returns the text of the draft.
    #[must_use]
    pub fn text(&self) -> &str {
        self.draft.text()
    }

    /// Returns whether the draft begins with pasted text.
    #[must_use]
    pub const fn begins_with_a_paste(&self) -> bool {
        self.draft.is_pasted()
    }

    /// Returns the number of lines of the draft.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.text().split('\n').count()
    }

    /// Takes the draft for sending, and adds it to the history.
    pub fn submit(&mut self) -> Zeroizing<String> {
        let text = self.take();
        self.history.push(&text);
        text
    }

    /// Clears the draft. [`EditAction::Yank`] restores it.
    pub fn clear(&mut self) {
        self.cut = self.take();
        self.history.leave();
    }

    /// Joins all lines into one.
    pub fn join_lines(&mut self) {
        self.remember();
        self.draft.join_lines();
    }

    /// Restores a draft that could not be sent, unless a new one was begun.
    pub fn restore(&mut self, text: Zeroizing<String>) {
        if self.text().is_empty() {
            self.draft = Draft::new(text);
        }
    }

    fn take(&mut self) -> Zeroizing<String> {
        self.completion = None;
        self.before.clear();
        mem::take(&mut self.draft).into_text()
    }

    fn replace(&mut self, text: Zeroizing<String>) {
        self.remember();
        self.draft = Draft::new(text);
    }

    fn insert(&mut self, text: &str) -> bool {
        if text.is_empty() {
            return false;
        }
        self.remember();
        let fits = self.draft.insert(text);
        self.overflowed |= !fits;
        fits
    }

    fn delete(&mut self, from: usize, to: usize) {
        if from < to {
            self.remember();
            self.draft.remove(from, to);
        }
    }

    fn cut_out(&mut self, from: usize, to: usize) {
        if from < to {
            let text = &self.text()[from..to];
            let before = if self.cutting { self.cut.as_str() } else { "" };
            // In the order of the draft.
            let parts = if to == self.draft.cursor() { [text, before] } else { [before, text] };
            self.cut = Zeroizing::new(parts.concat());
            self.cutting = true;
            self.delete(from, to);
        }
    }

    fn remember(&mut self) {
        if self.before.len() == UNDO {
            self.before.remove(0);
        }
        self.before.push(self.draft.clone());
    }
}

#[cfg(test)]
mod tests;
