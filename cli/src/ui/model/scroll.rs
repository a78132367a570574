//! Scrolling and search.

use crate::safe;
use cmdchat_core::{client::Mode, untrusted::Untrusted};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::ui::model::{Entry, EntryKind, Model, Now, SearchState, TimeFormat};
use crate::{
    text::SafeText,
    ui::{
        editor::{Editor, Rows},
        keymap::{Action, ScrollAction},
        layout::{Layout, PROMPT, Size},
        message_list::MessageList,
    },
};

/// The scroll position in the message log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ui) enum ScrollPosition {
    /// The newest message is in the last row.
    Bottom,
    /// The first visible row: the number of a block's first entry, and the row in the
    /// block. New messages do not move it.
    At(u64, usize),
}

/// Maximum number of matches printed outside the full screen.
const PRINTED: usize = 10;

impl Model {
    pub(super) fn resize(&mut self, size: Size) {
        self.size = Some(size);
    }

    /// Returns the message list and its height in rows, if there is a screen.
    fn session(&self) -> Option<(MessageList<'_>, usize)> {
        let list = Layout::of(self, self.size?)?.session;
        Some((MessageList::new(self, list.width.into()), list.height.into()))
    }

    /// Returns whether each of these lines fits into one row. Always true without a
    /// screen.
    pub(super) fn takes_whole(&self, lines: &[SafeText]) -> bool {
        self.session().is_none_or(|(list, _)| lines.iter().all(|line| list.takes_whole(line)))
    }

    pub(super) fn go_to(&mut self, place: ScrollPosition) {
        if self.place == ScrollPosition::Bottom && place != ScrollPosition::Bottom {
            self.new_from = None;
        }
        if place == ScrollPosition::Bottom {
            self.below = 0;
        }
        self.place = place;
    }

    /// Switches to [`ScrollPosition::Bottom`] if the position has reached the end.
    pub(super) fn settle(&mut self) {
        if self.place != ScrollPosition::Bottom
            && let Some((session, rows)) = self.session()
        {
            let place = session.scrolled_by(self.place, rows, 0);
            if place == ScrollPosition::Bottom {
                self.go_to(place);
            }
        }
    }

    pub(super) fn scroll(&mut self, scroll: ScrollAction) {
        let Some((session, rows)) = self.session() else { return };
        let page = isize::try_from(rows.saturating_sub(1).max(1)).unwrap_or(1);
        let by = |rows_down| session.scrolled_by(self.place, rows, rows_down);
        let place = match scroll {
            ScrollAction::PageUp => by(-page),
            ScrollAction::PageDown => by(page),
            ScrollAction::RowUp => by(-1),
            ScrollAction::RowDown => by(1),
            ScrollAction::Oldest => {
                session.scrolled_by(ScrollPosition::At(self.log.start(), 0), rows, 0)
            }
            ScrollAction::Newest => ScrollPosition::Bottom,
            ScrollAction::MentionBefore | ScrollAction::MentionAfter => {
                let top =
                    session.top(self.place, rows).map_or(self.log.end(), |(number, _)| number);
                let mut mentions = self
                    .log
                    .said()
                    .filter(|(_, said)| said.mention && !self.ignores(&said.from))
                    .map(|(number, _)| number);
                let found = if scroll == ScrollAction::MentionBefore {
                    mentions.find(|number| *number < top)
                } else {
                    mentions.take_while(|number| *number > top).last()
                };
                match found {
                    Some(number) => session.scrolled_by(ScrollPosition::At(number, 0), rows, 0),
                    None => self.place,
                }
            }
        };
        self.go_to(place);
    }

    /// Runs `/find`: scrolls to a match on the full screen, or prints the matches in
    /// other views.
    pub(super) fn look_for_here(&mut self, now: Now, words: &str) {
        if self.size.is_some() {
            return self.search(words);
        }
        let found: Vec<_> = self.matches(words).collect();
        let count = found.len();
        let newest = found.into_iter().take(PRINTED).rev().filter_map(|number| {
            let EntryKind::Said(said) = &self.log.get(number)?.what else { return None };
            let first = said.body.lines().next().cloned().unwrap_or_default();
            Some(safe![said.author.as_word(), ": ", first])
        });
        let head = safe!["found in ", count, " messages"];
        let lines = [head].into_iter().chain(newest).collect();
        self.add(now.at, EntryKind::Note(lines));
    }

    pub(super) fn search(&mut self, words: &str) {
        if self.size.is_some() {
            let mut query = Editor::default();
            query.paste(words);
            self.find = Some(SearchState { query, ..SearchState::default() });
            self.find_next(true);
        }
    }

    /// A key while finding; `false` if it has its usual meaning.
    pub(super) fn search_with(&mut self, key: Action) -> bool {
        let Some(find) = &mut self.find else { return false };
        match key {
            Action::Edit(edit) => {
                find.query.edit(edit);
                self.find_next(true);
            }
            Action::Enter | Action::Find => self.find_next(false),
            Action::Escape | Action::Interrupt | Action::EndOfInput => self.find = None,
            Action::Complete | Action::CompleteBack => {}
            Action::Scroll(_)
            | Action::Help
            | Action::Members
            | Action::Redraw
            | Action::Suspend
            | Action::Lock => {
                return false;
            }
        }
        true
    }

    /// Selects the next older match. Selects the newest match if `afresh` is set or
    /// there is no older one.
    pub(super) fn find_next(&mut self, afresh: bool) {
        let Some(find) = &self.find else { return };
        let found: Vec<_> = self.matches(find.query.text()).collect();
        let before = find.at.filter(|_| !afresh);
        let index = before.and_then(|before| found.iter().position(|number| *number < before));
        let index = index.unwrap_or(0);
        let at = found.get(index).copied();
        let place = at.and_then(|number| {
            let (session, rows) = self.session()?;
            // Some earlier messages stay visible above the match.
            let above = isize::try_from(rows / 3).unwrap_or(0);
            Some(session.scrolled_by(ScrollPosition::At(number, 0), rows, -above))
        });
        if let Some(find) = &mut self.find {
            (find.at, find.count, find.number) = (at, found.len(), index + 1);
        }
        if let Some(place) = place {
            self.go_to(place);
        }
    }

    /// Returns the messages that contain `words`, newest first.
    fn matches<'a>(&'a self, words: &str) -> impl Iterator<Item = u64> + use<'a> {
        let words = words.to_lowercase();
        let fits = move |text: &str| !words.is_empty() && text.to_lowercase().contains(&words);
        let seen = self.log.said().filter(|(_, said)| !self.ignores(&said.from));
        seen.filter(move |(_, said)| fits(said.text.raw()) || fits(said.from.raw()))
            .map(|(number, _)| number)
    }

    /// Lays out the draft or the search query in at most `height` rows of the input.
    pub(in crate::ui) fn draft_rows(&self, size: Size, height: usize) -> Rows {
        let columns = usize::from(size.columns.saturating_sub(PROMPT));
        let editor = self.find.as_ref().map_or(&self.editor, |find| &find.query);
        editor.rows(columns, height)
    }

    pub(super) fn ignores(&self, name: &Untrusted) -> bool {
        self.ignored.contains(name.raw())
    }

    /// Returns whether the current settings show an entry.
    pub(in crate::ui) fn shows(&self, entry: &Entry) -> bool {
        match &entry.what {
            EntryKind::Said(said) => !self.ignores(&said.from),
            EntryKind::Presence { .. } => !self.settings.quiet,
            EntryKind::Note(_) | EntryKind::Warning(_) => true,
        }
    }

    /// Returns the time in UTC or in the local time zone, depending on the settings.
    pub(in crate::ui) fn local(&self, at: Timestamp) -> DateTime {
        match self.settings.clock {
            TimeFormat::Utc => TimeZone::UTC.to_datetime(at),
            TimeFormat::Off | TimeFormat::Short | TimeFormat::Full => self.zone.to_datetime(at),
        }
    }

    /// Returns the user's own name as displayed.
    pub(in crate::ui) fn own_name(&self) -> SafeText {
        let member = self.members.iter().find(|member| member.own);
        member.map_or_else(|| SafeText::sanitize(self.me.as_str()), |member| member.name.clone())
    }

    /// Returns the security mode for the header.
    pub(in crate::ui) fn mode(&self) -> &'static str {
        self.mode.map_or("", Mode::as_str)
    }
}
