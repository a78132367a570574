//! Codes: passphrases of random words, parsed leniently.

use crate::safe;
use std::{fmt, num::NonZero};

use cmdchat_core::{client::Mode, secret::Password, seed::Seed};
use zeroize::Zeroizing;

use super::wordlist;
use crate::{error::Error, text::SafeText};

/// Words for a strict room: 31 bits. An attacker can test one guess per login.
pub const STRICT_WORDS: usize = 3;
/// Words for a classic room: 72 bits. An attacker that records a message can test
/// guesses offline.
pub const CLASSIC_WORDS: usize = 7;

/// A code: a sequence of words from the list.
#[derive(Clone, PartialEq, Eq)]
pub struct WordCode(pub(super) Vec<&'static str>);

/// Error of parsing a code.
#[derive(Clone, PartialEq, Eq)]
pub enum WordCodeError {
    /// A word that is not on the list, and the nearest word, if there is one.
    Unknown(Zeroizing<String>, Option<&'static str>),
    /// The code has only this many words.
    TooShort(usize),
}

impl WordCode {
    /// Generates a random code of `count` words.
    #[must_use]
    pub fn generate(count: usize, seed: &Seed) -> Self {
        const COUNT: NonZero<u32> = NonZero::new(wordlist::COUNT).unwrap();
        let numbers = seed.fork("code", 0).uniform_below(COUNT).take(count);
        Self(numbers.filter_map(|number| wordlist::all().nth(number as usize)).collect())
    }

    /// Parses a code, ignoring case and the separators between words.
    ///
    /// # Errors
    ///
    /// Returns [`WordCodeError`] if a word is unknown or there are too few words.
    pub fn read(text: &str) -> Result<Self, WordCodeError> {
        let code = pieces(text).map(word).collect::<Result<Vec<_>, _>>()?;
        if code.len() < STRICT_WORDS {
            Err(WordCodeError::TooShort(code.len()))
        } else {
            Ok(Self(code))
        }
    }

    /// Returns the minimum mode of a room for this code: a short code is safe only in
    /// a strict room.
    #[must_use]
    pub const fn min_mode(&self) -> Mode {
        if self.0.len() < CLASSIC_WORDS { Mode::Strict } else { Mode::Plaintext }
    }

    /// Returns the passphrase of the room.
    #[must_use]
    pub fn password(&self) -> Password {
        Password::new(Zeroizing::new(self.0.join("-").into_bytes()))
    }

    /// Returns the code as text, with dashes between the words.
    #[must_use]
    pub fn shown(&self) -> SafeText {
        SafeText::sanitize(&self.0.join("-"))
    }
}

/// Omits the words, which are secret.
impl fmt::Debug for WordCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({} words)", self.0.len())
    }
}

/// Omits the word, which may be secret.
impl fmt::Debug for WordCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(..) => f.write_str("Unknown(…)"),
            Self::TooShort(count) => write!(f, "TooShort({count})"),
        }
    }
}

impl From<WordCodeError> for Error {
    fn from(bad: WordCodeError) -> Self {
        match bad {
            WordCodeError::Unknown(word, nearest) => {
                let what = safe![SafeText::quote(&word), " is not a code word"];
                let error = Self::usage(what);
                match nearest {
                    Some(word) => error.hint_text(safe!["did you mean ", word, "?"]),
                    None => error.hint("ask your friend to spell it"),
                }
            }
            WordCodeError::TooShort(count) => {
                Self::usage(safe!["a code has at least 3 words, not ", count])
            }
        }
    }
}

/// Returns the note for a partly typed code: the first unknown word, else the
/// number of words typed and expected.
#[must_use]
pub fn progress(text: &str) -> SafeText {
    let ended = text.chars().last().is_some_and(|last| !last.is_alphanumeric());
    let mut pieces: Vec<_> = pieces(text).collect();
    // The last piece may be an incomplete word.
    let growing = if ended { None } else { pieces.pop_if(|last| wordlist::find(last).is_none()) };
    match pieces.iter().find_map(|piece| word(piece.clone()).err()) {
        Some(bad) => Error::from(bad).what,
        None if growing.is_none() && pieces.is_empty() => SafeText::default(),
        None => {
            let of = if pieces.len() <= STRICT_WORDS { STRICT_WORDS } else { CLASSIC_WORDS };
            safe![pieces.len(), " of ", of, " words"]
        }
    }
}

/// Returns the text that Tab adds to a partly typed code: the rest of an unambiguous
/// word, and a dash.
#[must_use]
pub fn completion(text: &str) -> Option<Zeroizing<String>> {
    let last = pieces(text).last().filter(|_| text.ends_with(char::is_alphanumeric))?;
    let rest = wordlist::complete(&last)?.strip_prefix(last.as_str())?;
    Some(Zeroizing::new([rest, "-"].concat()))
}

/// Splits a text into lower-case words at any other characters.
fn pieces(text: &str) -> impl Iterator<Item = Zeroizing<String>> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|piece| !piece.is_empty())
        .map(|piece| Zeroizing::new(piece.to_lowercase()))
}

fn word(piece: Zeroizing<String>) -> Result<&'static str, WordCodeError> {
    wordlist::find(&piece).ok_or_else(|| {
        let nearest = wordlist::nearest(&piece);
        WordCodeError::Unknown(piece, nearest)
    })
}

#[cfg(test)]
mod tests {
    use cmdchat_core::secret::Secret;

    use super::*;

    fn shown(text: &str) -> String {
        WordCode::read(text).map(|code| code.shown().to_string()).unwrap()
    }

    #[test]
    fn code_parses_in_any_case_or_separator() {
        for text in [
            "oak-tidy-zoom",
            "Oak Tidy  Zoom ",
            "OAK_TIDY.ZOOM",
            "oak\u{2013}tidy\u{2014}zoom",
            " oak, tidy, zoom\n",
        ] {
            assert_eq!(shown(text), "oak-tidy-zoom");
            assert_eq!(WordCode::read(text).unwrap().password().expose(), b"oak-tidy-zoom");
        }
    }

    #[test]
    fn code_word_count_sets_the_minimum_mode() {
        for (count, mode) in
            [(3, Mode::Strict), (6, Mode::Strict), (7, Mode::Plaintext), (9, Mode::Plaintext)]
        {
            let text = vec!["oak"; count].join("-");
            assert_eq!(WordCode::read(&text).unwrap().min_mode(), mode);
        }
    }

    #[test]
    fn code_errors_name_the_problem() {
        for (text, words) in [
            ("oak-tidi-zoom", "error: \"tidi\" is not a code word\nhint: did you mean tidy?"),
            (
                "oak tidy qqqqqq",
                "error: \"qqqqqq\" is not a code word\nhint: ask your friend to spell it",
            ),
            ("oak tidy", "error: a code has at least 3 words, not 2"),
            ("oak", "error: a code has at least 3 words, not 1"),
            ("", "error: a code has at least 3 words, not 0"),
        ] {
            let bad = WordCode::read(text).unwrap_err();
            assert!(!format!("{bad:?}").contains("tidi"));
            assert_eq!(Error::from(bad).to_string(), words);
        }
    }

    #[test]
    fn generated_codes_use_every_word() {
        let seed = |number: u8| Seed::new(Secret::take(&mut [number; 32]));
        let code = WordCode::generate(7, &seed(1));
        assert_eq!(WordCode::read(code.shown().as_str()), Ok(code.clone()));
        assert_eq!(WordCode::generate(7, &seed(1)), code);
        assert_ne!(WordCode::generate(7, &seed(2)), code);
        let many = WordCode::generate(30_000, &seed(3));
        let words: std::collections::BTreeSet<_> = many.0.iter().collect();
        assert_eq!(words.len(), wordlist::COUNT as usize);
        assert_eq!(format!("{code:?}"), "Code(7 words)");
    }

    #[test]
    fn code_progress_names_an_unknown_word() {
        for (typed, said) in [
            ("", ""),
            ("o", "0 of 3 words"),
            ("oak", "1 of 3 words"),
            ("oak-tid", "1 of 3 words"),
            ("oak-tidi", "1 of 3 words"),
            ("oak-tidi-", "\"tidi\" is not a code word"),
            ("oak tidy zoom", "3 of 3 words"),
            ("oak tidy zoom acid", "4 of 7 words"),
        ] {
            assert_eq!(progress(typed).as_str(), said, "{typed}");
        }
    }

    #[test]
    fn tab_completes_an_unambiguous_word() {
        for (typed, added) in [
            ("zoo", Some("m-")),
            ("oak-ZOO", Some("m-")),
            ("oak", Some("-")),
            ("zo", None),
            ("oak-", None),
            ("", None),
        ] {
            assert_eq!(completion(typed).as_ref().map(|rest| rest.as_str()), added, "{typed}");
        }
    }
}
