use std::{collections::VecDeque, io::IoSlice, time::Duration};

use serde_json::Value as Json;

use super::super::lines;
use crate::{
    server::MemberId,
    time::Tick,
    transport::broadcast::{LogCursor, MAX_IO_SLICES},
    transport::frame::Frame,
    username::Username,
    wire::{self, EncodedMessage, FernetToken, MAX_LINE, TimestampCache},
};

/// What everybody present hears of.
pub(super) enum Event {
    Joined(String, Username),
    Left(String),
    Cleared,
    Said(Username, FernetToken),
}

/// All that has happened.
#[derive(Default)]
pub(super) struct Model {
    past: Vec<Past>,
    /// The messages that newcomers get: their places in the past.
    history: VecDeque<usize>,
    pub(super) published: usize,
    next_news: Tick,
}

struct Past {
    event: Event,
    /// The line as it should be, but for the id of a message.
    message: Option<EncodedMessage>,
    /// The line as the first listener heard it.
    line: Option<Json>,
    /// Bytes of the log up to and including it.
    end: usize,
}

impl Model {
    /// So many things have happened.
    pub(super) const fn end(&self) -> usize {
        self.past.len()
    }

    /// So many bytes were they.
    pub(super) fn end_bytes(&self) -> usize {
        self.bytes_before(self.past.len())
    }

    fn bytes_before(&self, event: usize) -> usize {
        event.checked_sub(1).and_then(|last| self.past.get(last)).map_or(0, |past| past.end)
    }

    pub(super) fn push(&mut self, event: Event, now: Tick) {
        let mut message = None;
        let frame = match &event {
            Event::Joined(user_id, name) => wire::user_joined(user_id, name),
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

    /// Keeps the history within its limits.
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

    /// Whether there is anything to be published now: newcomers are announced together.
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

    /// What a newcomer should be told.
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

    /// `line` tells of the event at this place, in the words that all heard.
    fn check(&mut self, at: usize, line: &[u8]) {
        let before = self.bytes_before(at);
        let heard: Json = serde_json::from_slice(line).unwrap_or_default();
        let Some(past) = self.past.get_mut(at) else { panic!("nothing happened") };
        assert_eq!(line.len() + 1, past.end - before, "as long as it should be");
        let first = past.line.get_or_insert_with(|| heard.clone());
        assert_eq!(*first, heard, "everybody hears the same");
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

    /// `data` is the message at this place.
    fn check_data(&self, at: usize, data: Option<&Json>) {
        let Some(Past { event: Event::Said(author, token), line, .. }) = self.past.get(at) else {
            panic!("nothing was said")
        };
        let text = |name: &str| data.and_then(|data| data.get(name)?.as_str());
        assert_eq!(text("username"), Some(author.as_str()));
        assert_eq!(text("text"), Some(token.as_str()));
        assert_eq!(text("user_ip"), Some(""));
        if let Some(line) = line {
            assert_eq!(line.get("data"), data, "the history is what was heard");
        }
    }

    /// No two messages have one id.
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
            assert!(message.data().len() + 8 > room, "only for want of room");
        }
    }
}

/// Somebody who is or was a member.
pub(super) struct Listener {
    pub(super) seat: MemberId,
    pub(super) source: Option<usize>,
    pub(super) user_id: String,
    pub(super) name: Username,
    /// `None` when the connection is gone.
    pub(super) cursor: Option<LogCursor>,
    pub(super) heard: Vec<u8>,
    pub(super) init: Init,
    /// It is to hear of what happened from here…
    pub(super) start: usize,
    /// …to here, when it has left.
    pub(super) end: Option<usize>,
    /// When it came, or last took bytes.
    pub(super) active_at: Tick,
    /// The first look at it since then that found bytes waiting.
    pub(super) stuck_from: Option<Tick>,
}

impl Listener {
    pub(super) const fn is_present(&self) -> bool {
        self.end.is_none()
    }

    /// What waits for it if the log ends after so many bytes.
    pub(super) fn unsent(&self, model: &Model, end_bytes: usize) -> u64 {
        let logged = end_bytes.saturating_sub(model.bytes_before(self.start));
        (self.init.bytes + logged).saturating_sub(self.heard.len()) as u64
    }

    /// How much of that is of the log, and not of what it found.
    pub(super) fn behind(&self, model: &Model, end_bytes: usize) -> u64 {
        let logged = end_bytes.saturating_sub(model.bytes_before(self.start));
        self.unsent(model, end_bytes).min(logged as u64)
    }

    /// Takes at most so many bytes; `false` if there were none.
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
        assert!(self.heard.len() <= self.init.bytes + logged, "nobody hears the unpublished");
        true
    }

    /// It heard what it should have.
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
        assert!(self.start + count <= end, "nothing of after it left");
        for (at, line) in (self.start..).zip(heard) {
            model.check(at, line);
        }
        if let Some(cursor) = &self.cursor {
            assert!(self.start + count == end && cursor.is_finished(), "all that it is owed");
        }
    }
}
