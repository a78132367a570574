//! Formatting of the plain view: one line per event, without escape sequences.
//!
//! Every line is a time, a space, and one of `<NAME> `, `* NAME `, `| `, `-- ` or
//! `!! `. A username is written as one word, so that a line splits unambiguously
//! and a message cannot imitate another line.

use crate::safe;
use jiff::civil::Time;

use crate::text::{SafeBody, SafeText};
use crate::ui::model::{Entry, EntryKind, Model};

/// Formats all visible entries from number `from` on.
pub(crate) fn lines(model: &Model, from: u64) -> Vec<SafeText> {
    let entries = (from.max(model.log.start())..model.log.end()).filter_map(|at| model.log.get(at));
    entries.filter(|entry| model.shows(entry)).flat_map(|entry| self::entry(model, entry)).collect()
}

fn entry(model: &Model, entry: &Entry) -> Vec<SafeText> {
    let at = model.local(entry.at).time();
    match &entry.what {
        EntryKind::Said(said) if said.action => action(at, &said.author, &said.body),
        EntryKind::Said(said) => message(at, &said.author, &said.body),
        EntryKind::Presence { name, came: true, online } => vec![joined(at, name, *online)],
        EntryKind::Presence { name, came: false, online } => vec![left(at, name, *online)],
        EntryKind::Note(lines) => lines.iter().map(|line| notice(at, line)).collect(),
        EntryKind::Warning(line) => vec![warning(at, line)],
    }
}

/// Formats a message: `14:03:07 <bob> hello`. Further lines start with `14:03:07 | `.
#[must_use]
pub fn message(at: Time, from: &SafeText, body: &SafeBody) -> Vec<SafeText> {
    said(at, &safe![" <", from.as_word(), "> "], body)
}

/// Formats a `/me` action: `14:03:07 * carol waves`
#[must_use]
pub fn action(at: Time, from: &SafeText, body: &SafeBody) -> Vec<SafeText> {
    said(at, &safe![" * ", from.as_word(), " "], body)
}

fn said(at: Time, head: &SafeText, body: &SafeBody) -> Vec<SafeText> {
    let at = SafeText::clock(at);
    let line = |(number, text): (usize, &SafeText)| match number {
        0 => safe![at, head, text],
        _ => safe![at, " | ", text],
    };
    body.lines().enumerate().map(line).collect()
}

/// Formats a join: `14:03:11 -- erin joined (5 online)`
#[must_use]
pub fn joined(at: Time, name: &SafeText, online: usize) -> SafeText {
    presence(at, name, " joined (", online)
}

/// Formats a leave: `14:03:11 -- erin left (4 online)`
#[must_use]
pub fn left(at: Time, name: &SafeText, online: usize) -> SafeText {
    presence(at, name, " left (", online)
}

fn presence(at: Time, name: &SafeText, what: &'static str, online: usize) -> SafeText {
    notice(at, &safe![name.as_word(), what, online, " online)"])
}

/// Formats a notice: `14:03:11 -- the host closed the room`
#[must_use]
pub fn notice(at: Time, text: &SafeText) -> SafeText {
    safe![SafeText::clock(at), " -- ", text]
}

/// Formats a warning: `14:03:12 !! 2 messages from bob are missing`
#[must_use]
pub fn warning(at: Time, text: &SafeText) -> SafeText {
    safe![SafeText::clock(at), " !! ", text]
}

#[cfg(test)]
mod tests {
    use cmdchat_core::untrusted::Untrusted;
    use jiff::civil::time;
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> SafeText {
        SafeText::username(&Untrusted::new(text.into()))
    }

    fn said(from: &str, text: &str) -> Vec<String> {
        let body = SafeText::message(&Untrusted::new(text.into()));
        message(time(14, 3, 7, 999), &name(from), &body).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn plain_events_have_fixed_formats() {
        let at = time(14, 3, 11, 0);
        assert_eq!(said("bob", "hello\nsecond"), ["14:03:07 <bob> hello", "14:03:07 | second"]);
        assert_eq!(said("bob", ""), ["14:03:07 <bob> "]);
        assert_eq!(joined(at, &name("erin"), 5).as_str(), "14:03:11 -- erin joined (5 online)");
        assert_eq!(left(at, &name("a b"), 4).as_str(), "14:03:11 -- a_b left (4 online)");
        assert_eq!(
            notice(at, &SafeText::sanitize("the host closed the room")).as_str(),
            "14:03:11 -- the host closed the room"
        );
        assert_eq!(warning(at, &SafeText::sanitize("gap")).as_str(), "14:03:11 !! gap");
    }

    #[test]
    fn message_cannot_forge_a_plain_line() {
        assert_eq!(
            said("bob", "x\r14:03:08 <alice> yes"),
            ["14:03:07 <bob> x", "14:03:07 | 14:03:08 <alice> yes"]
        );
        assert_eq!(said("eve> <alice", "yes"), ["14:03:07 <eve___alice> yes"]);
    }

    proptest! {
        #[test]
        fn plain_lines_split_unambiguously(from: String, text: String) {
            let lines = said(&from, &text);
            let (head, _) = lines[0].split_once("> ").unwrap();
            let word = head.strip_prefix("14:03:07 <").unwrap();
            prop_assert!(!word.is_empty() && !word.contains([' ', '<', '>', '|']));
            prop_assert!(lines[1..].iter().all(|line| line.starts_with("14:03:07 | ")));
        }
    }
}
