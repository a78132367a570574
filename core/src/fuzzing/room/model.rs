use std::{collections::VecDeque, io::IoSlice, time::Duration};

use serde_json::Value as Json;

use super::super::lines;
use crate::{
    server::MemberId,
    time::Tick,
    transport::broadcast::{LogCursor, MAX_IO_SLICES},
    transport::frame::Frame,
    username::Username,
    wire::{self, EncodedMessage, FernetToken, MAX_LINE, MemberEntry, TimestampCache},
};

/// An event that all present members receive.
pub(super) enum Event {
    Joined(String, Username),
    Left(String),
    Cleared,
    Said(Username, FernetToken),
}

/// The expected state of the room.
#[derive(Default)]
pub(super) struct Model {
    past: Vec<Past>,
    /// Messages that new members receive, as indices into `past`.
    history: VecDeque<usize>,
    pub(super) published: usize,
    next_news: Tick,
}

struct Past {
    event: Event,
    /// The expected line, except for the id of a message.
    message: Option<EncodedMessage>,
    /// The line as the first member received it.
    line: Option<Json>,
    /// Size of the log up to and including this event.
    end: usize,
}

impl Model {
    /// Returns the number of events so far.
    pub(super) const fn end(&self) -> usize {
        self.past.len()
    }

    /// Returns the size of all events so far, in bytes.
    pub(super) fn end_bytes(&self) -> usize {
        self.bytes_before(self.past.len())
    }

    fn bytes_before(&self, event: usize) -> usize {
        event.checked_sub(1).and_then(|last| self.past.get(last)).map_or(0, |past| past.end)
    }

    pub(super) fn push(&mut self, event: Event, now: Tick) {
        let mut message = None;
        let frame = match &event {
            Event::Joined(user_id, name) => {
                wire::user_joined(MemberEntry { user_id, username: name.as_str(), hello: None })
            }
            Event::Left(user_id) => wire::user_left(user_id),
            Event::Cleared => {
                self.history.clear();
                Frame::from_line(br#"{"type":"cleared"}"#.to_vec())
            }
            Event::Said(author, token) => {
                let id = "00000000-0000-4000-8000-000000000000";
                let mut clock = TimestampCache::new(super::EPOCH);
                let said = EncodedMessage::classic(id, token, clock.at(now), author);
                message.insert(said).open().cloned().unwrap_or_else(wire::bye)
            }
        };
        let end = self.end_bytes() + frame.bytes().len();
        let is_message = message.is_some();
        self.past.push(Past { event, message, line: None, end });
        if is_message {
            self.history.push_back(self.past.len() - 1);
            self.forget();
        }
    }

    /// Truncates the history to its limits.
    fn forget(&mut self) {
        let limits = super::limits();
        let bytes = |history: &VecDeque<usize>| -> usize {
            history.iter().filter_map(|&at| self.message(at)).map(EncodedMessage::size).sum()
        };
        let mut history = self.history.clone();
        while limits.max_history.is_some_and(|most| history.len() > most)
            || limits.max_history_bytes.is_some_and(|most| bytes(&history) > most)
        {
            history.pop_front();
        }
        self.history = history;
    }

    fn message(&self, at: usize) -> Option<&EncodedMessage> {
        self.past.get(at)?.message.as_ref()
    }

    /// Returns whether there is anything to publish now. Joins are batched.
    pub(super) fn publish(&mut self, now: Tick) -> bool {
        let published = self.published;
        let mut fresh = self.past.iter().rev().take_while(|past| past.end > published).peekable();
        if fresh.peek().is_none()
            || now < self.next_news && fresh.all(|past| matches!(past.event, Event::Joined(..)))
        {
            return false;
        }
        self.published = self.end_bytes();
        self.next_news = now.saturating_add(Duration::from_millis(50));
        true
    }

    /// Returns the expected preamble of a new member.
    pub(super) fn init(
        &self,
        present: Vec<(String, Username)>,
        newcomer: (String, Username),
    ) -> Init {
        let users = present.iter().map(|(user_id, name)| (user_id.as_str(), name));
        let history = self.history.iter().rev().filter_map(|&at| self.message(at));
        let frame = wire::init(users, (&newcomer.0, &newcomer.1), history);
        let mut users = present;
        users.push(newcomer);
        Init { users, history: self.history.iter().copied().collect(), bytes: frame.bytes().len() }
    }

    /// Checks that `line` is the event at this index, as all members received it.
    fn check(&mut self, at: usize, line: &[u8]) {
        let before = self.bytes_before(at);
        let heard: Json = serde_json::from_slice(line).unwrap_or_default();
        let Some(past) = self.past.get_mut(at) else { panic!("nothing happened") };
        assert_eq!(line.len() + 1, past.end - before, "as long as it should be");
        let first = past.line.get_or_insert_with(|| heard.clone());
        assert_eq!(*first, heard, "all members receive the same");
        let text = |name: &str| heard.get(name).and_then(Json::as_str);
        match &past.event {
            Event::Joined(user_id, name) => {
                assert_eq!(text("type"), Some("user_joined"));
                assert_eq!(text("user_id"), Some(user_id.as_str()));
                assert_eq!(text("username"), Some(name.as_str()));
            }
            Event::Left(user_id) => {
                assert_eq!(text("type"), Some("user_left"));
                assert_eq!(text("user_id"), Some(user_id.as_str()));
            }
            Event::Cleared => assert_eq!(text("type"), Some("cleared")),
            Event::Said(..) => {
                assert_eq!(text("type"), Some("message"));
                self.check_data(at, heard.get("data"));
            }
        }
    }

    /// Checks that `data` is the message at this index.
    fn check_data(&self, at: usize, data: Option<&Json>) {
        let Some(Past { event: Event::Said(author, token), line, .. }) = self.past.get(at) else {
            panic!("nothing was said")
        };
        let text = |name: &str| data.and_then(|data| data.get(name)?.as_str());
        assert_eq!(text("username"), Some(author.as_str()));
        assert_eq!(text("text"), Some(token.as_str()));
        assert_eq!(text("user_ip"), Some(""));
        if let Some(line) = line {
            assert_eq!(line.get("data"), data, "the history matches the log");
        }
    }

    /// Checks that all message ids differ.
    pub(super) fn ids_differ(&self) {
        let lines = self.past.iter().filter_map(|past| past.line.as_ref());
        let mut ids: Vec<_> =
            lines.filter_map(|line| line.get("data")?.get("id")?.as_str()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}

pub(super) struct Init {
    users: Vec<(String, Username)>,
    history: Vec<usize>,
    bytes: usize,
}

impl Init {
    fn check(&self, model: &Model, line: &[u8]) {
        assert!(line.len() <= MAX_LINE && line.len() + 1 == self.bytes);
        let line: Json = serde_json::from_slice(line).unwrap_or_default();
        assert_eq!(line.get("type").and_then(Json::as_str), Some("init"));
        let list =
            |name: &str| line.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
        let users: Vec<_> = list("users")
            .iter()
            .filter_map(|user| {
                let text = |name: &str| Some(user.get(name)?.as_str()?.to_owned());
                Some((text("user_id")?, text("username")?))
            })
            .collect();
        let expected = self.users.iter().map(|(user_id, name)| (user_id.clone(), name.to_string()));
        assert_eq!(users, expected.collect::<Vec<_>>());

        let messages = list("messages");
        let left_out = self.history.len() - messages.len().min(self.history.len());
        let (left_out, shown) = self.history.split_at(left_out);
        assert_eq!(messages.len(), shown.len());
        for (at, data) in shown.iter().zip(&messages) {
            model.check_data(*at, Some(data));
        }
        if let Some(message) = left_out.last().and_then(|at| model.message(*at)) {
            let room = MAX_LINE.saturating_sub(self.bytes);
            assert!(message.data().len() + 8 > room, "truncated only for lack of space");
        }
    }
}

/// A present or past member.
pub(super) struct Listener {
    pub(super) seat: MemberId,
    pub(super) source: Option<usize>,
    pub(super) user_id: String,
    pub(super) name: Username,
    /// `None` if the connection has ended.
    pub(super) cursor: Option<LogCursor>,
    pub(super) heard: Vec<u8>,
    pub(super) init: Init,
    /// Index of the first event that the member receives.
    pub(super) start: usize,
    /// End of the range of events that the member receives, once it has left.
    pub(super) end: Option<usize>,
    /// When the member joined or last received bytes.
    pub(super) active_at: Tick,
    /// The first check since then that found waiting bytes.
    pub(super) stuck_from: Option<Tick>,
}

impl Listener {
    pub(super) const fn is_present(&self) -> bool {
        self.end.is_none()
    }

    /// Returns the number of waiting bytes if the log ends at `end_bytes`.
    pub(super) fn unsent(&self, model: &Model, end_bytes: usize) -> u64 {
        let logged = end_bytes.saturating_sub(model.bytes_before(self.start));
        (self.init.bytes + logged).saturating_sub(self.heard.len()) as u64
    }

    /// Returns how many of those bytes belong to the log, not to the preamble.
    pub(super) fn behind(&self, model: &Model, end_bytes: usize) -> u64 {
        let logged = end_bytes.saturating_sub(model.bytes_before(self.start));
        self.unsent(model, end_bytes).min(logged as u64)
    }

    /// Receives at most `most` bytes. Returns `false` if there were none.
    pub(super) fn read(&mut self, now: Tick, most: usize, model: &Model) -> bool {
        let Some(cursor) = &mut self.cursor else { return false };
        let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
        let before = self.heard.len();
        for slice in cursor.chunks_vectored(&mut slices) {
            let room = most - (self.heard.len() - before);
            self.heard.extend_from_slice(slice.get(..room).unwrap_or(slice));
        }
        let taken = self.heard.len() - before;
        if taken == 0 {
            return false;
        }
        cursor.advance(now, taken);
        self.active_at = now;
        self.stuck_from = None;
        let logged = model.published.saturating_sub(model.bytes_before(self.start));
        assert!(self.heard.len() <= self.init.bytes + logged, "unpublished events are not visible");
        true
    }

    /// Receives everything that is left, and drops the `bye` at its end.
    pub(super) fn read_rest(&mut self, now: Tick) {
        let Some(cursor) = &mut self.cursor else { return };
        loop {
            let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
            let before = self.heard.len();
            for slice in cursor.chunks_vectored(&mut slices) {
                self.heard.extend_from_slice(slice);
            }
            let taken = self.heard.len() - before;
            if taken == 0 {
                break;
            }
            cursor.advance(now, taken);
        }
        if self.heard.ends_with(wire::bye().bytes()) {
            self.heard.truncate(self.heard.len() - wire::bye().bytes().len());
        }
    }

    /// Checks that the member received the expected data.
    pub(super) fn check(&self, model: &mut Model) {
        let mut heard = lines(&self.heard);
        if !self.heard.ends_with(b"\n") {
            heard.pop();
            assert!(self.cursor.is_none(), "whole lines, or the connection was cut");
        }
        let mut heard = heard.into_iter();
        if let Some(init) = heard.next() {
            self.init.check(model, init);
        }
        let end = self.end.unwrap_or_else(|| model.end());
        let count = heard.len();
        assert!(self.start + count <= end, "no event after its leave");
        for (at, line) in (self.start..).zip(heard) {
            model.check(at, line);
        }
        if let Some(cursor) = &self.cursor {
            assert!(self.start + count == end && cursor.is_finished(), "all of its data");
        }
    }
}
