//! Layout of the message log as rows of a given width.
//!
//! A block contains the rows of one entry, or of several consecutive joins and
//! leaves. Its number is that of its first entry. Each pending message is a block
//! after the log. Blocks are laid out on demand.

use crate::safe;
use cmdchat_core::untrusted::Untrusted;
use jiff::civil::DateTime;

use crate::text::{SafeBody, SafeDisplay, SafeText};
use crate::ui::model::{
    ChatMessage, Entry, EntryKind, Model, PendingEntry, ScrollPosition, TimeFormat,
};

/// Column where usernames begin; marks appear to its left.
const NAME: usize = 3;
/// Joins and leaves share a block only if their numbers divided by this are equal.
const TOGETHER: u64 = 16;
/// Width, in columns, below which mentions are marked before the name instead of
/// after the text.
const NARROW: usize = 60;

/// One row of text pieces, each with its column and role.
#[derive(Default)]
pub(super) struct StyledRow(pub(super) Vec<(usize, SafeText, TextRole)>);

/// The role of a piece of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextRole {
    Text,
    /// Program messages, times and pending messages.
    Dim,
    OwnName,
    /// Another member's name, with the index of its colour.
    Name(usize),
    Mention,
    Warning,
    Found,
}

/// Number of colours for other members' names.
pub(super) const COLOURS: usize = 6;

pub(super) struct MessageList<'a> {
    model: &'a Model,
    columns: usize,
    /// Width of a name, in cells.
    names: usize,
}

/// An entry of the log or a pending message.
enum Item<'a> {
    Entry(&'a Entry),
    Pending(&'a PendingEntry),
}

impl<'a> MessageList<'a> {
    pub(super) fn new(model: &'a Model, columns: usize) -> Self {
        let longest = model.members.iter().map(|member| member.name.width()).max();
        let names = longest.unwrap_or(0).clamp(6, 16).min(columns / 3);
        Self { model, columns, names }
    }

    /// Returns the rows visible from `place`, at most `height`.
    pub(super) fn visible_rows(&self, place: ScrollPosition, height: usize) -> Vec<StyledRow> {
        let Some((first, skipped)) = self.top(place, height) else { return Vec::new() };
        let mut rows = Vec::new();
        let mut next = Some(first);
        while let Some(number) = next.filter(|_| rows.len() < height + skipped) {
            rows.extend(self.block(number));
            next = self.after(number);
        }
        rows.drain(..skipped.min(rows.len()));
        rows.truncate(height);
        rows
    }

    /// Returns the first block visible from `place`, and its first visible row.
    pub(super) fn top(&self, place: ScrollPosition, height: usize) -> Option<(u64, usize)> {
        match place {
            ScrollPosition::At(number, row) => {
                let number = self.at_or_after(number)?;
                Some((number, row.min(self.block(number).len().saturating_sub(1))))
            }
            ScrollPosition::Bottom => {
                let mut number = self.start_of(self.seen_before(self.end())?);
                let mut left = height;
                loop {
                    let rows = self.block(number).len();
                    match self.before(number) {
                        _ if rows >= left => return Some((number, rows - left)),
                        None => return Some((number, 0)),
                        Some(before) => (number, left) = (before, left - rows),
                    }
                }
            }
        }
    }

    /// Returns the position `by` rows below `place`. Returns
    /// [`ScrollPosition::Bottom`] if everything below it fits into `height` rows.
    pub(super) fn scrolled_by(
        &self,
        place: ScrollPosition,
        height: usize,
        by: isize,
    ) -> ScrollPosition {
        let Some((mut number, row)) = self.top(place, height) else {
            return ScrollPosition::Bottom;
        };
        let mut row = row.saturating_add_signed(by.max(0)).cast_signed() + by.min(0);
        while row < 0 {
            let Some(before) = self.before(number) else { break };
            number = before;
            row += self.block(number).len().cast_signed();
        }
        let mut row = usize::try_from(row).unwrap_or(0);
        loop {
            let rows = self.block(number).len();
            if row < rows {
                break;
            }
            let Some(after) = self.after(number) else { return ScrollPosition::Bottom };
            (number, row) = (after, row - rows);
        }
        match self.top(ScrollPosition::Bottom, height) {
            Some(last) if (number, row) < last => ScrollPosition::At(number, row),
            _ => ScrollPosition::Bottom,
        }
    }

    fn end(&self) -> u64 {
        self.model.log.end() + self.model.pending.len() as u64
    }

    fn item(&self, number: u64) -> Option<Item<'a>> {
        let model: &'a Model = self.model;
        match number.checked_sub(model.log.end()) {
            None => model.log.get(number).map(Item::Entry),
            Some(at) => model.pending.get(usize::try_from(at).ok()?).map(Item::Pending),
        }
    }

    fn is_presence(&self, number: u64) -> bool {
        let entry = self.model.log.get(number);
        matches!(entry, Some(Entry { what: EntryKind::Presence { .. }, .. }))
    }

    fn is_seen(&self, number: u64) -> bool {
        self.model.log.get(number).is_none_or(|entry| self.model.shows(entry))
    }

    fn seen_before(&self, number: u64) -> Option<u64> {
        (self.model.log.start()..number).rev().find(|number| self.is_seen(*number))
    }

    /// Returns the block that contains the visible entry `number`.
    fn start_of(&self, number: u64) -> u64 {
        let mut start = number;
        while self.is_presence(start)
            && let Some(before) = self.seen_before(start)
            && self.is_presence(before)
            && before / TOGETHER == start / TOGETHER
        {
            start = before;
        }
        start
    }

    fn before(&self, number: u64) -> Option<u64> {
        self.seen_before(number).map(|number| self.start_of(number))
    }

    fn after(&self, number: u64) -> Option<u64> {
        let mut seen = (number + 1..self.end()).filter(|number| self.is_seen(*number));
        seen.find(|next| self.start_of(*next) != number)
    }

    fn at_or_after(&self, number: u64) -> Option<u64> {
        let number = number.max(self.model.log.start());
        let seen = (number..self.end()).find(|number| self.is_seen(*number));
        seen.or_else(|| self.seen_before(self.end())).map(|number| self.start_of(number))
    }

    fn block(&self, number: u64) -> Vec<StyledRow> {
        let mut rows = Vec::new();
        match self.item(number) {
            None => {}
            Some(Item::Pending(text)) => self.pending(text, &mut rows),
            Some(Item::Entry(entry)) => {
                self.heading(number, entry, &mut rows);
                match &entry.what {
                    EntryKind::Said(said) => self.said(number, said, &mut rows),
                    EntryKind::Presence { .. } => {
                        self.own("-- ", &self.presence(number), &mut rows)
                    }
                    EntryKind::Warning(line) => self.own("!! ", line, &mut rows),
                    EntryKind::Note(lines) => lines.iter().for_each(|line| {
                        self.own("-- ", line, &mut rows);
                    }),
                }
            }
        }
        rows
    }

    /// Appends the rows above an entry: a new date, a new time, `new`.
    fn heading(&self, number: u64, entry: &Entry, rows: &mut Vec<StyledRow>) {
        let before = self.seen_before(number).and_then(|before| self.model.log.get(before));
        let time = |entry: &Entry| self.model.local(entry.at);
        if self.model.settings.clock != TimeFormat::Off
            && let Some(before) = before
            && time(before).date() != time(entry).date()
        {
            rows.push(self.rule(&time(entry).strftime("%A, %-d %B %Y").to_string()));
        }
        let label = |entry: &Entry| self.label(time(entry), entry.skewed);
        let own = label(entry);
        if let Some(own) = own.filter(|own| before.and_then(label).as_ref() != Some(own)) {
            rows.push(StyledRow(vec![(1, own, TextRole::Dim)]));
        }
        if self.model.new_from == Some(number) {
            rows.push(self.rule("new"));
        }
    }

    fn label(&self, at: DateTime, skewed: bool) -> Option<SafeText> {
        let form = match self.model.settings.clock {
            TimeFormat::Off => return None,
            TimeFormat::Short => "%H:%M",
            TimeFormat::Full => "%Y-%m-%d %H:%M:%S",
            TimeFormat::Utc => "%H:%MZ",
        };
        let at = SafeText::sanitize(&at.strftime(form).to_string());
        Some(if skewed { safe!["~", at] } else { at })
    }

    fn rule(&self, words: &str) -> StyledRow {
        let line = if self.model.settings.ascii { "-" } else { "─" };
        let words = format!("{0}{0} {words} ", line);
        let rest = self.columns.saturating_sub(3 + words.chars().count());
        StyledRow(vec![(1, SafeText::sanitize(&(words + &line.repeat(rest))), TextRole::Dim)])
    }

    fn said(&self, number: u64, said: &ChatMessage, rows: &mut Vec<StyledRow>) {
        let narrow = self.columns < NARROW;
        let found = self.model.find.as_ref().is_some_and(|find| find.at == Some(number));
        let sign = match said {
            _ if found => ">",
            ChatMessage { mention: true, .. } if narrow => "@",
            ChatMessage { action: true, .. } => "*",
            ChatMessage { .. } => "",
        };
        let role = match said {
            _ if found => TextRole::Found,
            ChatMessage { mention: true, .. } => TextRole::Mention,
            ChatMessage { .. } => TextRole::Text,
        };
        let mark = if said.mention && !narrow { "(mention)" } else { "" };
        let name = if said.own { TextRole::OwnName } else { TextRole::Name(colour(&said.from)) };
        let author = (said.author.clone(), name);
        self.words(sign, author, said.action, &said.body, (role, mark), rows);
    }

    fn pending(&self, text: &PendingEntry, rows: &mut Vec<StyledRow>) {
        let mark = match (text.overdue, self.model.settings.ascii) {
            (true, _) => "(not delivered)",
            (false, true) => "...",
            (false, false) => "…",
        };
        let sign = if text.action { "*" } else { "" };
        let author = (self.model.own_name(), TextRole::OwnName);
        self.words(sign, author, text.action, &text.body, (TextRole::Dim, mark), rows);
    }

    /// Appends a name and a text. The text stays within its own columns, so that it
    /// cannot imitate the start of a row. The mark is at the end of the first row.
    fn words(
        &self,
        sign: &'static str,
        (author, name_ink): (SafeText, TextRole),
        action: bool,
        body: &SafeBody,
        (role, mark): (TextRole, &'static str),
        rows: &mut Vec<StyledRow>,
    ) {
        let name = author.truncate(self.names);
        let column = NAME + 1 + if action { name.width() } else { self.names };
        let mark = safe![mark];
        let reserved = if mark.width() > 0 { mark.width() + 1 } else { 0 };
        let width = self.columns.saturating_sub(column + reserved + 1).max(4);
        let first = rows.len();
        for line in body.lines().flat_map(|line| line.wrap(width)) {
            rows.push(StyledRow(vec![(column, line, role)]));
        }
        if let Some(StyledRow(row)) = rows.get_mut(first) {
            row.push((1, safe![sign], role));
            row.push((NAME, name, name_ink));
            row.push((self.columns.saturating_sub(1 + mark.width()), mark, role));
        }
    }

    fn own_width(&self, sign: &str) -> usize {
        self.columns.saturating_sub(NAME + sign.len() + 1)
    }

    /// Returns whether this line of a note fits into one row.
    pub(super) fn takes_whole(&self, line: &SafeText) -> bool {
        line.width() <= self.own_width("-- ")
    }

    /// Appends a line from the program itself.
    fn own(&self, sign: &'static str, line: &SafeText, rows: &mut Vec<StyledRow>) {
        let role = if sign == "!! " { TextRole::Warning } else { TextRole::Dim };
        let column = NAME + sign.len();
        let first = rows.len();
        rows.extend(
            line.wrap(self.own_width(sign))
                .into_iter()
                .map(|line| StyledRow(vec![(column, line, role)])),
        );
        if let Some(StyledRow(row)) = rows.get_mut(first) {
            row.push((NAME, safe![sign], role));
        }
    }

    /// Formats a block of joins and leaves: `carol, dave joined · bob left (4 online)`
    fn presence(&self, start: u64) -> SafeText {
        let mut line = SafeText::default();
        let mut count = 0;
        let mut direction = None;
        let between = if self.model.settings.ascii { "; " } else { " · " };
        let word = |came| if came { " joined" } else { " left" };
        let block = (start..self.end()).take_while(|number| number / TOGETHER == start / TOGETHER);
        for number in block.filter(|number| self.is_seen(*number)) {
            let Some(Entry { what: EntryKind::Presence { name, came, online }, .. }) =
                self.model.log.get(number)
            else {
                break;
            };
            let joint: [&dyn SafeDisplay; 2] = match direction {
                None => [&"", &""],
                Some(before) if before == *came => [&"", &", "],
                Some(true) => [&" joined", &between],
                Some(false) => [&" left", &between],
            };
            line = safe![line, joint[0], joint[1], name];
            (direction, count) = (Some(*came), *online);
        }
        let last = direction.map_or("", word);
        safe![line, last, " (", count, " online)"]
    }
}

/// Returns the colour of a name. It is stable, and usually differs between names.
fn colour(name: &Untrusted) -> usize {
    let sum = name
        .raw()
        .bytes()
        .fold(7_usize, |sum, byte| sum.wrapping_mul(41).wrapping_add(byte.into()));
    sum % COLOURS
}
