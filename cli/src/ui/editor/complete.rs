//! Tab: from one possible end of a word to the next.

use zeroize::Zeroizing;

/// The possible ends of one word; the last choice is the word as it was.
pub(super) struct Completion {
    /// Where in the draft the word begins.
    start: usize,
    choices: Vec<Zeroizing<String>>,
    at: usize,
}

impl Completion {
    /// Nothing if there is no option.
    pub(super) fn new(start: usize, word: &str, options: Vec<String>) -> Option<Self> {
        if options.is_empty() {
            return None;
        }
        let own = word.to_owned();
        let choices: Vec<_> = options.into_iter().chain([own]).map(Zeroizing::new).collect();
        Some(Self { start, at: choices.len() - 1, choices })
    }

    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// The next choice, round and round.
    pub(super) fn choose(&mut self, back: bool) -> &str {
        let count = self.choices.len();
        let step = if back { count - 1 } else { 1 };
        self.at = (self.at + step) % count;
        self.choices.get(self.at).map_or("", |choice| choice)
    }
}
