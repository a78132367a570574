//! Message text with its invisible characters escaped.

use cmdchat_core::untrusted::Untrusted;
use zeroize::Zeroizing;

use crate::text::SafeText;
use crate::text::sanitize::{Sanitizer, is_visible, lines};

/// Returns all lines of `text`, with invisible characters written as `<U+202E>`.
#[must_use]
pub fn escape_invisible(text: &Untrusted) -> Vec<SafeText> {
    let reveal = |line: &str| {
        let mut out = Zeroizing::new(String::with_capacity(8 * line.len()));
        for point in line.chars() {
            if is_visible(point) {
                out.push(point);
            } else {
                out.push_str(&format!("<U+{:04X}>", u32::from(point)));
            }
        }
        SafeText::new(Sanitizer::line(&out).text)
    };
    lines(text.raw()).map(reveal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_escaped() {
        let text = Untrusted::new("a\u{202E}b\u{200B}\n\u{1B}[2J\té\u{301}\u{E000}".into());
        let lines: Vec<_> = escape_invisible(&text).iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["a<U+202E>b<U+200B>", "<U+001B>[2J<U+0009>é\u{301}<U+E000>"]);
    }
}
