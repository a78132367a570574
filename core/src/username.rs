//! Usernames of members (PROTOCOL 3.2).

use std::{fmt, sync::Arc};

use unicode_normalization::UnicodeNormalization as _;

/// The maximum length in Unicode scalar values.
const MAX_SCALARS: usize = 32;
/// The maximum length in bytes of UTF-8.
const MAX_BYTES: usize = 128;

/// A valid username: 1 to 32 scalar values in at most 128 bytes of UTF-8, without
/// a space at either end. It contains no `[` and no invisible, private-use or
/// directional character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Username(Arc<str>);

/// The reason why a text is not a valid username.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsernameError {
    /// The text is empty.
    Empty,
    /// The text is longer than 32 scalar values or 128 bytes.
    TooLong,
    /// The text begins or ends with a space.
    EdgeSpace,
    /// The text contains a `[`, or a character that is invisible, private or directional.
    Forbidden(char),
}

impl Username {
    /// Validates `text` as a username.
    ///
    /// # Errors
    ///
    /// Returns [`UsernameError`] if `text` violates a rule of PROTOCOL 3.2.
    pub fn new(text: &str) -> Result<Self, UsernameError> {
        if text.is_empty() {
            return Err(UsernameError::Empty);
        }
        if text.len() > MAX_BYTES || text.chars().count() > MAX_SCALARS {
            return Err(UsernameError::TooLong);
        }
        if let Some(bad) = text.chars().find(|&c| forbidden(c)) {
            return Err(UsernameError::Forbidden(bad));
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(UsernameError::EdgeSpace);
        }
        Ok(Self(text.into()))
    }

    /// Returns the text, exactly as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the lower-case form in normal form C, which must be unique in a room: names must
    /// differ by more than case or composition.
    pub(crate) fn folded(&self) -> String {
        self.0.nfc().collect::<String>().to_lowercase().nfc().collect()
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn forbidden(c: char) -> bool {
    matches!(
        c as u32,
        0x5B // Python clients interpret markup in names
            | 0..=0x1F
            | 0x7F..=0xA0
            | 0xAD
            | 0x034F
            | 0x061C
            | 0x115F..=0x1160
            | 0x1680
            | 0x17B4..=0x17B5
            | 0x180B..=0x180F
            | 0x2000..=0x200F
            | 0x2028..=0x202F
            | 0x205F..=0x206F
            | 0x2800
            | 0x3000
            | 0x3164
            | 0xE000..=0xF8FF
            | 0xFE00..=0xFE0F
            | 0xFEFF
            | 0xFFA0
            | 0xFFF0..=0xFFFF
            | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A
            | 0xE0000..=0x10_FFFF
    )
}

impl std::fmt::Display for UsernameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "the username is empty",
            Self::TooLong => "the username is longer than 32 characters or 128 bytes",
            Self::EdgeSpace => "the username begins or ends with a space",
            Self::Forbidden(_) => "the username contains a forbidden character",
        })
    }
}

impl std::error::Error for UsernameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_usernames_are_accepted() {
        for name in ["a", "alice", "al ice", "кэрол 😀", "名前", "O'Brien-Smith_3", &"é".repeat(32)]
        {
            assert_eq!(Username::new(name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn username_errors_name_the_broken_rule() {
        assert_eq!(Username::new(""), Err(UsernameError::Empty));
        assert_eq!(Username::new(&"a".repeat(33)), Err(UsernameError::TooLong));
        assert_eq!(Username::new(" a"), Err(UsernameError::EdgeSpace));
        assert_eq!(Username::new("a "), Err(UsernameError::EdgeSpace));
        for bad in [
            '[',
            '\n',
            '\u{1b}',
            '\u{9b}',
            '\u{a0}',
            '\u{200b}',
            '\u{202e}',
            '\u{e000}',
            '\u{e0041}',
        ] {
            assert_eq!(Username::new(&format!("a{bad}b")), Err(UsernameError::Forbidden(bad)));
        }
    }

    #[test]
    fn usernames_differing_in_case_fold_to_one() {
        let fold = |text| Username::new(text).map(|name| name.folded());
        assert_eq!(fold("ÉLAN"), fold("élan"));
    }
}
