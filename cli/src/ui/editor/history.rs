//! The input history. It exists in memory only.

use std::collections::VecDeque;

use zeroize::Zeroizing;

/// Maximum number of texts kept.
pub(super) const KEPT: usize = 200;

#[derive(Default)]
pub(super) struct History {
    /// Sent texts, oldest first.
    sent: VecDeque<Zeroizing<String>>,
    /// Distance of the current text from the draft; 0 is the draft itself.
    back: usize,
    /// The draft saved when the user began to go back.
    draft: Zeroizing<String>,
}

impl History {
    pub(super) fn push(&mut self, text: &Zeroizing<String>) {
        self.back = 0;
        if text.is_empty() || self.sent.back() == Some(text) {
            return;
        }
        if self.sent.len() == KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back(text.clone());
    }

    /// Returns the previous text. Saves `draft` on the first step.
    pub(super) fn back(&mut self, draft: &str) -> Option<Zeroizing<String>> {
        let at = self.sent.len().checked_sub(self.back + 1)?;
        if self.back == 0 {
            self.draft = Zeroizing::new(draft.to_owned());
        }
        self.back += 1;
        self.sent.get(at).cloned()
    }

    /// Returns the next text, and finally the saved draft.
    pub(super) fn forward(&mut self) -> Option<Zeroizing<String>> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(std::mem::take(&mut self.draft)),
            back => self.sent.get(self.sent.len() - back).cloned(),
        }
    }
}
