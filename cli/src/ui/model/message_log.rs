//! The message log: messages and other events, up to a size limit.

use std::collections::VecDeque;

use cmdchat_core::untrusted::Untrusted;
use jiff::Timestamp;

use crate::text::{SafeBody, SafeText};

/// Maximum number of entries.
pub(in crate::ui) const ENTRIES: usize = 10_000;
/// Maximum total size of the texts, in bytes, before sanitizing.
const BYTES: usize = 12 << 20;

/// Entries in order. The oldest are dropped when a limit is exceeded.
#[derive(Default)]
pub(in crate::ui) struct MessageLog {
    entries: VecDeque<Entry>,
    /// Number of the first entry.
    first: u64,
    bytes: usize,
}

/// One entry of the log.
pub(in crate::ui) struct Entry {
    /// Time of the entry: the message's own timestamp, or this client's clock.
    pub(in crate::ui) at: Timestamp,
    /// The timestamp differs too much from this client's clock.
    pub(in crate::ui) skewed: bool,
    pub(in crate::ui) what: EntryKind,
}

pub(in crate::ui) enum EntryKind {
    Said(Box<ChatMessage>),
    /// A member joined or left; `online` members remain.
    Presence {
        name: SafeText,
        came: bool,
        online: usize,
    },
    /// A note from the program itself.
    Note(Vec<SafeText>),
    /// A warning.
    Warning(SafeText),
}

/// A message.
pub(in crate::ui) struct ChatMessage {
    /// The author's username as received.
    pub(in crate::ui) from: Untrusted,
    pub(in crate::ui) author: SafeText,
    pub(in crate::ui) text: Untrusted,
    pub(in crate::ui) body: SafeBody,
    /// The message is a `/me` action.
    pub(in crate::ui) action: bool,
    pub(in crate::ui) own: bool,
    pub(in crate::ui) mention: bool,
}

impl MessageLog {
    /// Adds an entry and returns its number.
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

    /// Removes all entries. Numbering continues.
    pub(in crate::ui) fn clear(&mut self) {
        self.first = self.end();
        self.entries = VecDeque::new();
        self.bytes = 0;
    }

    pub(in crate::ui) fn get(&self, number: u64) -> Option<&Entry> {
        let at = number.checked_sub(self.first)?;
        self.entries.get(usize::try_from(at).ok()?)
    }

    /// Returns the number of the oldest entry.
    pub(in crate::ui) const fn start(&self) -> u64 {
        self.first
    }

    /// Returns the number of the next entry.
    pub(in crate::ui) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Returns all messages, newest first.
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
