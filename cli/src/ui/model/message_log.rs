//! What was said and what happened, as far as it is kept.

use std::collections::VecDeque;

use cmdchat_core::untrusted::Untrusted;
use jiff::Timestamp;

use crate::text::{SafeBody, SafeText};

/// The most entries that are kept.
pub(in crate::ui) const ENTRIES: usize = 10_000;
/// The most bytes of texts, before they are cleaned.
const BYTES: usize = 12 << 20;

/// Entries in their order; the oldest go when there are too many.
#[derive(Default)]
pub(in crate::ui) struct MessageLog {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    bytes: usize,
}

/// One thing that happened.
pub(in crate::ui) struct Entry {
    /// When, by the clock of whoever says so.
    pub(in crate::ui) at: Timestamp,
    /// That clock differs from ours.
    pub(in crate::ui) skewed: bool,
    pub(in crate::ui) what: EntryKind,
}

pub(in crate::ui) enum EntryKind {
    Said(Box<ChatMessage>),
    /// Somebody came or went; so many are present now.
    Presence {
        name: SafeText,
        came: bool,
        online: usize,
    },
    /// The program's own words.
    Note(Vec<SafeText>),
    /// Something to worry about.
    Warning(SafeText),
}

/// A message.
pub(in crate::ui) struct ChatMessage {
    /// Its author, as the room has it.
    pub(in crate::ui) from: Untrusted,
    pub(in crate::ui) author: SafeText,
    pub(in crate::ui) text: Untrusted,
    pub(in crate::ui) body: SafeBody,
    /// It is told of its author, not said by it.
    pub(in crate::ui) action: bool,
    pub(in crate::ui) own: bool,
    pub(in crate::ui) mention: bool,
}

impl MessageLog {
    /// Adds an entry and gives its number.
    pub(in crate::ui) fn push(&mut self, entry: Entry) -> u64 {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES || self.bytes > BYTES {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.first += 1;
        }
        self.end() - 1
    }

    /// Forgets everything; numbers go on.
    pub(in crate::ui) fn clear(&mut self) {
        self.first = self.end();
        self.entries = VecDeque::new();
        self.bytes = 0;
    }

    pub(in crate::ui) fn get(&self, number: u64) -> Option<&Entry> {
        let at = number.checked_sub(self.first)?;
        self.entries.get(usize::try_from(at).ok()?)
    }

    /// The number of the oldest entry.
    pub(in crate::ui) const fn start(&self) -> u64 {
        self.first
    }

    /// The number that the next entry gets.
    pub(in crate::ui) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// All messages, from the newest.
    pub(in crate::ui) fn said(&self) -> impl Iterator<Item = (u64, &ChatMessage)> {
        let entries = self.entries.iter().enumerate().rev();
        entries.filter_map(|(at, entry)| match &entry.what {
            EntryKind::Said(said) => Some((self.first + at as u64, said.as_ref())),
            EntryKind::Presence { .. } | EntryKind::Note(_) | EntryKind::Warning(_) => None,
        })
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        match &self.what {
            EntryKind::Said(said) => said.text.raw().len(),
            EntryKind::Note(lines) => lines.iter().map(|line| line.as_str().len()).sum(),
            EntryKind::Warning(line) => line.as_str().len(),
            EntryKind::Presence { name, .. } => name.as_str().len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(length: usize) -> Entry {
        let line = SafeText::sanitize(&"x".repeat(length));
        Entry { at: Timestamp::UNIX_EPOCH, skewed: false, what: EntryKind::Note(vec![line]) }
    }

    #[test]
    fn message_log_drops_oldest_over_its_limits() {
        let mut log = MessageLog::default();
        for _ in 0..ENTRIES + 5 {
            log.push(note(1));
        }
        assert_eq!((log.start(), log.end()), (5, ENTRIES as u64 + 5));
        assert!(log.get(4).is_none() && log.get(5).is_some());
        log.push(note(BYTES - 10));
        assert_eq!(log.end() - log.start(), 11);
        log.clear();
        assert_eq!((log.start(), log.end()), (ENTRIES as u64 + 6, ENTRIES as u64 + 6));
        assert_eq!(log.push(note(1)), ENTRIES as u64 + 6);
    }
}
