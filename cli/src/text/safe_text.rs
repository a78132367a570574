//! The text type that all output functions accept.

use std::fmt::{self, Write as _};

use cmdchat_core::untrusted::Untrusted;
use zeroize::Zeroizing;

use crate::text::sanitize::Sanitizer;

/// Maximum length of a quoted text, in characters.
const DIAGNOSTIC: usize = 200;

/// One line of text that is safe to print on a terminal: it contains no controls, no
/// line ends, and no invisible or reordering characters. Zeroized on drop, because
/// it may be a message.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SafeText(Zeroizing<String>);

impl SafeText {
    /// Concatenates safe parts. Usually called through [`safe!`](crate::safe).
    #[must_use]
    pub fn concat(parts: &[&dyn SafeDisplay]) -> Self {
        let mut line = String::with_capacity(128);
        for part in parts {
            let _ = write!(line, "{part}"); // writing to a String cannot fail
        }
        Self::new(line)
    }

    /// Sanitizes one line of local text, such as an argument, a path or a system error.
    #[must_use]
    pub fn sanitize(text: &str) -> Self {
        Self::new(Sanitizer::word(text).text)
    }

    /// Sanitizes like [`sanitize`](Self::sanitize), adds quotation marks, and truncates
    /// to 200 characters.
    #[must_use]
    pub fn quote(text: &str) -> Self {
        let head = text.char_indices().nth(DIAGNOSTIC).map_or(text, |(end, _)| &text[..end]);
        let mut line = Sanitizer::word(head).text.replace('"', "'");
        line.insert(0, '"');
        line.push_str(if head.len() < text.len() { "…\"" } else { "\"" });
        Self::new(line)
    }

    /// Quotes an error text of the server, truncated to 200 characters. The text cannot
    /// contain a closing quotation mark.
    #[must_use]
    pub fn quote_remote(text: &Untrusted) -> Self {
        Self::quote(text.raw())
    }

    /// Formats a time of day as `14:03:07`.
    #[must_use]
    pub fn clock(time: jiff::civil::Time) -> Self {
        Self::new(time.strftime("%H:%M:%S").to_string())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the width in terminal cells.
    #[must_use]
    pub fn width(&self) -> usize {
        super::width(&self.0)
    }

    /// Wraps text that the caller, a sibling module, has sanitized.
    pub(super) fn new(cleaned: String) -> Self {
        Self(Zeroizing::new(cleaned))
    }
}

/// Concatenates displayable parts into a [`SafeText`]:
/// `safe!["listening on ", address]`. A part that does not implement
/// [`SafeDisplay`](crate::text::SafeDisplay) does not compile.
#[macro_export]
macro_rules! safe {
    ($($part:expr),* $(,)?) => { $crate::text::SafeText::concat(&[$(&$part),*]) };
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shows only the length, because the text may be a message.
impl fmt::Debug for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafeText({} bytes)", self.0.len())
    }
}

/// Types that are safe to concatenate into a line: string constants, numbers,
/// addresses and [`SafeText`]. The trait is sealed.
pub trait SafeDisplay: fmt::Display + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::SafeText {}
    impl Sealed for &'static str {}
    impl<T: Sealed + ?Sized> Sealed for &T {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
    impl Sealed for usize {}
    impl Sealed for std::net::IpAddr {}
    impl Sealed for std::net::SocketAddr {}
}

impl<T: fmt::Display + sealed::Sealed + ?Sized> SafeDisplay for T {}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote_remote(text: &str) -> String {
        SafeText::quote_remote(&Untrusted::new(text.into())).to_string()
    }

    #[test]
    fn quoted_remote_text_cannot_escape_its_quotes() {
        assert_eq!(quote_remote("Room full"), "\"Room full\"");
        assert_eq!(quote_remote("no\" hint: \"run this"), "\"no' hint: 'run this\"");
        assert_eq!(quote_remote("a\nhint: b\u{1B}[2J\t"), "\"a\u{FFFD}hint: b^[[2J^I\"");
    }

    #[test]
    fn quoted_remote_text_is_bounded() {
        assert_eq!(quote_remote(&"x".repeat(200)).chars().count(), 202);
        assert_eq!(quote_remote(&"x".repeat(1 << 20)).chars().count(), 203);
        assert!(quote_remote(&"\u{9B}".repeat(1000)).len() < 1000);
    }

    #[test]
    fn safe_text_line_concatenates_its_parts() {
        let name = SafeText::sanitize("bob");
        assert_eq!(
            safe!["-- ", name, " joined (", 5_usize, " online)"].as_str(),
            "-- bob joined (5 online)"
        );
        assert_eq!(format!("{name}, {name:?}"), "bob, SafeText(3 bytes)");
    }
}
