//! Tab completion.

use zeroize::Zeroizing;

/// The choices for one word. The last choice is the word as typed.
pub(super) struct Completion {
    /// Start of the word in the draft.
    start: usize,
    choices: Vec<Zeroizing<String>>,
    at: usize,
}

impl Completion {
    /// Creates a completion of `word`. Returns `None` if there are no options.
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

    /// Selects and returns the next choice, wrapping around.
    pub(super) fn choose(&mut self, back: bool) -> &str {
        let count = self.choices.len();
        let step = if back { count - 1 } else { 1 };
        self.at = (self.at + step) % count;
        self.choices.get(self.at).map_or("", |choice| choice)
    }
}
