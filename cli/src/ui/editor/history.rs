//! The input history. It exists in memory only.

use std::collections::{BTreeMap, VecDeque};

use zeroize::Zeroizing;

/// Maximum number of texts kept.
pub(super) const KEPT: usize = 200;

#[derive(Default)]
pub(super) struct History {
    /// Sent texts, and drafts that were left for one of them. Oldest first.
    texts: VecDeque<Zeroizing<String>>,
    /// Distance of the current text from the draft; 0 is the draft itself.
    back: usize,
    /// The draft and recalled texts as the user left them, by distance.
    edited: BTreeMap<usize, Zeroizing<String>>,
}

impl History {
    /// Adds a text, and keeps the draft from which the user went back to it.
    pub(super) fn push(&mut self, text: &Zeroizing<String>) {
        self.leave();
        self.add(text.clone());
    }

    /// Goes back to the draft, because the current text was cleared. Keeps the earlier
    /// draft as a text.
    pub(super) fn leave(&mut self) {
        self.back = 0;
        if let Some(draft) = std::mem::take(&mut self.edited).remove(&0) {
            self.add(draft);
        }
    }

    /// Returns the previous text in place of `current`.
    pub(super) fn back(&mut self, current: &str) -> Option<Zeroizing<String>> {
        (self.back < self.texts.len()).then(|| self.go(self.back + 1, current)).flatten()
    }

    /// Returns the next text in place of `current`, and finally the draft.
    pub(super) fn forward(&mut self, current: &str) -> Option<Zeroizing<String>> {
        self.go(self.back.checked_sub(1)?, current)
    }

    fn go(&mut self, back: usize, current: &str) -> Option<Zeroizing<String>> {
        self.edited.insert(self.back, Zeroizing::new(current.to_owned()));
        self.back = back;
        let original = self.texts.len().checked_sub(back).and_then(|at| self.texts.get(at));
        self.edited.remove(&back).or_else(|| original.cloned())
    }

    fn add(&mut self, text: Zeroizing<String>) {
        if text.is_empty() || self.texts.back() == Some(&text) {
            return;
        }
        if self.texts.len() == KEPT {
            self.texts.pop_front();
        }
        self.texts.push_back(text);
    }
}
