//! What was sent from here, to be called back. In memory only.

use std::collections::VecDeque;

use zeroize::Zeroizing;

/// Texts that are kept.
pub(super) const KEPT: usize = 200;

#[derive(Default)]
pub(super) struct History {
    /// The newest is the last.
    sent: VecDeque<Zeroizing<String>>,
    /// How far back the one is that is looked at; 0 is the draft itself.
    back: usize,
    /// What was being written when looking back began.
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

    /// The text before the one that is looked at; `draft` is what is lost by it.
    pub(super) fn back(&mut self, draft: &str) -> Option<Zeroizing<String>> {
        let at = self.sent.len().checked_sub(self.back + 1)?;
        if self.back == 0 {
            self.draft = Zeroizing::new(draft.to_owned());
        }
        self.back += 1;
        self.sent.get(at).cloned()
    }

    /// The text after the one that is looked at, in the end the draft.
    pub(super) fn forward(&mut self) -> Option<Zeroizing<String>> {
        self.back = self.back.checked_sub(1)?;
        match self.back {
            0 => Some(std::mem::take(&mut self.draft)),
            back => self.sent.get(self.sent.len() - back).cloned(),
        }
    }
}
