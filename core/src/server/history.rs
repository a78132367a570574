//! What was said before a newcomer came.

use std::collections::VecDeque;

use crate::{server::limits::Limits, view::View, wire::Message};

/// What newcomers get: the newest messages, encoded already.
#[derive(Debug, Default)]
pub(super) struct History {
    messages: VecDeque<Said>,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Said {
    pub(super) message: Message,
    /// Number and view of the event before, in a strict room.
    pub(super) before: Option<(u64, View)>,
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn oldest_first(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().map(|said| &said.message)
    }

    pub(super) fn push(&mut self, said: Said, limits: &Limits) {
        self.bytes += said.message.size();
        self.messages.push_back(said);
        while limits.history.is_some_and(|most| self.messages.len() > most)
            || limits.history_bytes.is_some_and(|most| self.bytes > most)
        {
            let Some(oldest) = self.messages.pop_front() else { return };
            self.bytes -= oldest.message.size();
        }
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().rev().map(|said| &said.message)
    }

    /// Number and view before the oldest message, in a strict room.
    pub(super) fn start(&self) -> Option<(u64, View)> {
        self.messages.front()?.before
    }
}
