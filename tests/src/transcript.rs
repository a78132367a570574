//! What was seen, by whom, and when.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use cmdchat_core::time::Tick;

/// Everything that anybody on a stage saw. Clones write to the same page.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Mutex<Vec<Entry>>>);

#[derive(Clone, Debug)]
struct Entry {
    at: Tick,
    who: String,
    what: String,
}

impl Transcript {
    /// `who` saw `what` at `at`.
    pub fn note(&self, at: Tick, who: &str, what: impl Into<String>) {
        let entry = Entry { at, who: who.to_owned(), what: what.into() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// One line each, ordered by time. What happens at one moment is ordered by
    /// who saw it and whether it was read (`<`), told (`*`) or written (`>`):
    /// each of these streams is in its true order, but nobody could tell the
    /// order of two of them.
    #[must_use]
    pub fn render(&self) -> String {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut cast: Vec<String> = Vec::new();
        for entry in &entries {
            if !cast.contains(&entry.who) {
                cast.push(entry.who.clone());
            }
        }
        cast.sort();
        let stream = |entry: &Entry| "<*>".find(entry.what.chars().next().unwrap_or(' '));
        let place = |entry: &Entry| cast.iter().position(|who| *who == entry.who);
        entries.sort_by_key(|entry| (entry.at, place(entry), stream(entry)));
        let mut text = String::new();
        for Entry { at, who, what } in entries {
            let seconds = at.since_start().as_secs_f64();
            let _ = writeln!(text, "{seconds:8.3} {who:8} {what}");
        }
        text
    }
}

/// Shortens what no reader of a snapshot compares by eye: long runs of base64
/// keep their first characters and tell their length.
#[must_use]
pub fn abridge(transcript: &str) -> String {
    const KEPT: usize = 6;
    let base64 = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    let mut text = String::new();
    let mut rest = transcript;
    while !rest.is_empty() {
        let run = rest.find(|c| !base64(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(run);
        match word.get(..KEPT).filter(|_| word.len() > 30) {
            Some(head) => {
                let _ = write!(text, "{head}…{}", word.len());
            }
            None => text.push_str(word),
        }
        let other = behind.find(base64).unwrap_or(behind.len());
        let (between, next) = behind.split_at(other);
        text.push_str(between);
        rest = next;
    }
    text
}
