//! The word list for codes: the first short list of the Electronic Frontier
//! Foundation (CC BY 3.0 US), <https://www.eff.org/dice>, without its one word that
//! contains a dash.

use diceware_wordlists::EFF_SHORT_WORDLIST_1;
use strsim::osa_distance;

/// Number of words.
pub(super) const COUNT: u32 = 1_295;

/// Maximum edit distance of a suggested word.
const SLIPS: usize = 2;

/// Iterates over all words in alphabetical order.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    EFF_SHORT_WORDLIST_1.iter().copied().filter(|word| *word != "yo-yo")
}

/// Returns the word equal to `text`, which must be in lower case.
pub(super) fn find(text: &str) -> Option<&'static str> {
    all().find(|word| *word == text)
}

/// Returns the word nearest to `text`. Prefers words with the same first letter,
/// which is rarely mistyped.
pub(super) fn nearest(text: &str) -> Option<&'static str> {
    let slips = |word: &&str| osa_distance(word, text);
    let near = |word: &&str| (slips(word), word.get(..1) != text.get(..1));
    all().min_by_key(near).filter(|word| slips(word) <= SLIPS)
}

/// Returns the word that begins with `text`, if there is exactly one.
pub(super) fn complete(text: &str) -> Option<&'static str> {
    let mut words = all().filter(|word| word.starts_with(text));
    words.next().filter(|_| words.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wordlist_is_sorted_with_expected_size() {
        assert_eq!(all().count(), COUNT as usize);
        assert!(all().is_sorted());
        assert!(all().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
        assert!(all().all(|word| (3..=5).contains(&word.len())));
        assert_eq!((all().next(), all().last()), (Some("acid"), Some("zoom")));
    }

    #[test]
    fn nearest_word_corrects_a_typo() {
        for (typed, meant) in [
            ("tidi", Some("tidy")),
            ("aicd", Some("acid")),
            ("zom", Some("zoom")),
            ("qqqqqq", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
    }

    #[test]
    fn unambiguous_prefix_completes_to_a_word() {
        assert_eq!(complete("zo"), None); // zone, zoom
        assert_eq!(complete("zoo"), Some("zoom"));
        assert_eq!(complete("oak"), Some("oak"));
        assert_eq!(complete("qq"), None);
    }
}
