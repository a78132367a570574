//! Message history for new members.

use std::collections::VecDeque;

use crate::{server::limits::Limits, strict_room::hash_chain::ChainHash, wire::EncodedMessage};

/// The newest messages, already encoded, that new members receive.
#[derive(Debug, Default)]
pub(super) struct History {
    messages: VecDeque<HistoryEntry>,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct HistoryEntry {
    pub(super) message: EncodedMessage,
    /// Number and chain hash of the previous event, in a strict room.
    pub(super) before: Option<(u64, ChainHash)>,
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns the newest `count` messages, oldest first.
    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = &EncodedMessage> {
        let skipped = self.messages.len().saturating_sub(count);
        self.messages.iter().skip(skipped).map(|entry| &entry.message)
    }

    pub(super) fn push(&mut self, entry: HistoryEntry, limits: &Limits) {
        self.bytes += entry.message.size();
        self.messages.push_back(entry);
        while limits.max_history.is_some_and(|most| self.messages.len() > most)
            || limits.max_history_bytes.is_some_and(|most| self.bytes > most)
        {
            let Some(oldest) = self.messages.pop_front() else { return };
            self.bytes -= oldest.message.size();
        }
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &EncodedMessage> {
        self.messages.iter().rev().map(|entry| &entry.message)
    }

    /// Returns the number and chain hash before the newest `count` messages, in a
    /// strict room. `None` if there are none.
    pub(super) fn start(&self, count: usize) -> Option<(u64, ChainHash)> {
        self.messages.get(self.messages.len().checked_sub(count)?)?.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{username::Username, wire::FernetToken};

    fn limits(history: Option<usize>, history_bytes: Option<usize>) -> Limits {
        Limits { max_history: history, max_history_bytes: history_bytes, ..Limits::default() }
    }

    /// Returns an entry. Entries differ only in their ids.
    fn said(n: u64) -> HistoryEntry {
        let (token, name) =
            (FernetToken::new("gAA".to_owned()).unwrap(), Username::new("alice").unwrap());
        let message = EncodedMessage::classic(&format!("id-{n:03}"), &token, "now", &name);
        HistoryEntry { message, before: Some((n, ChainHash::GENESIS)) }
    }

    /// Returns the ids of the entries that remain after `count` messages under
    /// these limits.
    fn left(count: u64, limits: &Limits) -> Vec<String> {
        let mut history = History::default();
        (0..count).for_each(|n| history.push(said(n), limits));
        let id =
            |message: &EncodedMessage| String::from_utf8_lossy(message.data())[7..13].to_owned();
        let ids: Vec<_> = history.newest(usize::MAX).map(id).collect();
        let mut backwards: Vec<_> = history.newest_first().map(id).collect();
        backwards.reverse();
        assert_eq!((history.len(), &backwards), (ids.len(), &ids));
        let oldest = history.start(history.len()).map(|(n, _)| format!("id-{n:03}"));
        assert_eq!(oldest.as_ref(), ids.first(), "the state before the oldest message");
        ids
    }

    #[test]
    fn history_keeps_newest_within_both_limits() {
        let anything = limits(None, None);
        assert_eq!(left(0, &anything), [""; 0]);
        assert_eq!(left(3, &anything), ["id-000", "id-001", "id-002"]);
        let two = limits(Some(2), None);
        assert_eq!(left(2, &two), ["id-000", "id-001"]);
        assert_eq!(left(9, &two), ["id-007", "id-008"]);
        assert_eq!(left(9, &limits(Some(0), None)), [""; 0]);

        let one = said(0).message.size();
        for (bytes, kept) in [(3 * one, 3), (3 * one - 1, 2), (one - 1, 0)] {
            assert_eq!(left(9, &limits(None, Some(bytes))).len(), kept, "{bytes} bytes");
        }
        assert_eq!(left(9, &limits(Some(2), Some(one))), ["id-008"]);
    }
}
