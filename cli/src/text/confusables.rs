//! Detection of confusable usernames.

use crate::safe;
use std::collections::BTreeMap;

use cmdchat_core::untrusted::Untrusted;
use unicode_security::skeleton;

use crate::text::SafeText;

/// Maximum number of remembered skeletons. If a member floods the room with names,
/// only its own later names go undetected.
const NAMES: usize = 4_096;

/// The names seen in a room. The first of two confusable names owns their skeleton;
/// the later one is marked wherever it is shown, because a server may admit any
/// name.
#[derive(Debug, Default)]
pub struct ConfusableNames {
    /// The owner of each skeleton.
    bearers: BTreeMap<String, Untrusted>,
}

impl ConfusableNames {
    /// Formats the name like [`SafeText::username`], and appends `?` if it looks like an
    /// earlier name.
    #[must_use]
    pub fn show(&mut self, name: &Untrusted) -> SafeText {
        let shown = SafeText::username(name);
        if self.is_somebody_elses(name) && !shown.as_str().ends_with('?') {
            return safe![shown, "?"];
        }
        shown
    }

    /// Remembers `name` and returns whether it looks like another name.
    fn is_somebody_elses(&mut self, name: &Untrusted) -> bool {
        let looks = skeletons(name);
        if looks.iter().any(|look| self.bearers.get(look).is_some_and(|bearer| bearer != name)) {
            return true;
        }
        if self.bearers.len() < NAMES {
            self.bearers.extend(looks.map(|look| (look, name.clone())));
        }
        false
    }
}

/// Returns the UTS 39 skeletons of a name, with and without case folding. Two names
/// look alike if they share one of these.
fn skeletons(name: &Untrusted) -> [String; 3] {
    // Characters that are not shown cannot distinguish names.
    let text = SafeText::username(name);
    let text = SafeText::sanitize(text.as_str().trim_end_matches(['?', '~']).trim()).as_word();
    let text = text.as_str();
    let same = |text: &str| skeleton(text).collect::<String>();
    [same(text), same(&text.to_lowercase()), same(text).to_lowercase()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(confusables: &mut ConfusableNames, name: &str) -> String {
        confusables.show(&Untrusted::new(name.into())).to_string()
    }

    /// Pairs of names; the second looks like the first.
    const PAIRS: &[(&str, &str)] = &[
        ("alice", "\u{430}lice"),                         // Cyrillic а
        ("alice", "alic\u{435}"),                         // Cyrillic е
        ("scope", "\u{455}\u{441}\u{43E}\u{440}\u{435}"), // Cyrillic throughout
        ("Anna", "\u{391}nna"),                           // Greek Α
        ("vova", "\u{3BD}ova"),                           // Greek ν
        ("bob", "\u{FF42}\u{FF4F}\u{FF42}"),              // fullwidth
        ("bob", "bob "),                                  // a space behind
        ("bob", " bob"),                                  // or before
        ("bob", "b\u{200B}ob"),                           // zero width
        ("bob", "bob\u{200D}"),                           // a joiner that joins nothing
        ("bob", "bob\u{3164}"),                           // Hangul filler
        ("bob", "\u{202E}bob"),                           // an override
        ("bob", "b\u{AD}ob"),                             // soft hyphen
        ("bob", "BOB"),                                   // capitals
        ("BILL", "BlLL"),                                 // l for I
        ("bill", "biIl"),                                 // I for l
        ("paul", "pau1"),                                 // 1 for l
        ("BOB", "B0B"),                                   // 0 for O
        ("morn", "mom"),                                  // rn for m
        ("zo\u{EB}", "zoe\u{308}"),                       // the same, decomposed
        ("al ice", "al_ice"),                             // the same in a plain line
        ("al ice", "al\u{A0}ice"),                        // another space
        ("alice", "\u{1D41A}lice"),                       // mathematical bold
        ("jos\u{E9}", "jos\u{435}\u{301}"),               // Cyrillic е with its accent
    ];

    #[test]
    fn later_confusable_name_is_marked() {
        for &(first, second) in PAIRS {
            let mut confusables = ConfusableNames::default();
            let name = format!("{}|{}", first.escape_unicode(), second.escape_unicode());
            assert_eq!(shown(&mut confusables, first), first, "{name}");
            assert!(shown(&mut confusables, second).ends_with('?'), "{name}");
            assert_eq!(shown(&mut confusables, first), first, "{name}");
        }
    }

    #[test]
    fn distinct_names_are_not_marked() {
        let mut confusables = ConfusableNames::default();
        for name in [
            "alice",
            "alicia",
            "bob",
            "bo",
            "carol",
            "caro",
            "\u{430}\u{43D}\u{43D}\u{430}",
            "日本",
            "日木",
            "Zoë",
            "Zoé",
            "al",
            "ai",
        ] {
            assert_eq!(shown(&mut confusables, name), name);
        }
    }

    #[test]
    fn confusables_memory_keeps_the_earliest_names() {
        let mut confusables = ConfusableNames::default();
        for number in 0..2 * NAMES {
            let _ = shown(&mut confusables, &format!("guest {number}"));
        }
        assert!(confusables.bearers.len() <= NAMES + 2);
        assert_eq!(shown(&mut confusables, "guest O"), "guest O?");
    }
}
