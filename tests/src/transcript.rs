//! Transcripts: each observation with its observer and time.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use cmdchat_core::time::Tick;

/// All observations of all participants of a harness. Clones share the same record.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Mutex<Vec<Entry>>>);

#[derive(Clone, Debug)]
struct Entry {
    at: Tick,
    who: String,
    what: String,
}

impl Transcript {
    /// Records that `who` saw `what` at `at`.
    pub fn note(&self, at: Tick, who: &str, what: impl Into<String>) {
        let entry = Entry { at, who: who.to_owned(), what: what.into() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Returns one line for each observation, ordered by time. Observations at the same
    /// instant are ordered by observer and kind: read (`<`), event (`*`) or written (`>`).
    /// Each of these streams is in its true order; the relative order of two streams is
    /// undefined.
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

/// Abridges data that no reader of a snapshot compares by eye: a long run of base64 is
/// reduced to its first characters and its length.
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
