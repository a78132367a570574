//! The one thing in a text that would hurt Python clients.

use zeroize::Zeroizing;

/// Python clients parse `[` before a letter, `#`, `/` or `@` as markup, and one
/// unmatched tag disconnects them all: a zero-width space between the two
/// prevents it (PROTOCOL 3.4).
pub(super) fn escape(text: &str) -> Zeroizing<String> {
    // Wiped where it is, so it must not move: at worst every second character grows.
    let mut tame = Zeroizing::new(String::with_capacity(3 * text.len()));
    let mut previous = '\0';
    for c in text.chars() {
        if previous == '[' && matches!(c, 'a'..='z' | '#' | '/' | '@') {
            tame.push('\u{200b}');
        }
        tame.push(c);
        previous = c;
    }
    tame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rich_markup_is_escaped() {
        assert_eq!(
            escape("[/nope] [a][1] [[b] x").as_str(),
            "[\u{200b}/nope] [\u{200b}a][1] [[\u{200b}b] x"
        );
        assert_eq!(escape("[ok").as_str(), "[\u{200b}ok");
        assert_eq!(escape("plain [A] 漢é").as_str(), "plain [A] 漢é");
    }
}
