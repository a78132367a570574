//! Escaping of the `rich` markup that Python clients interpret in texts.

use zeroize::Zeroizing;

/// Inserts a zero-width space after each `[` that would start a markup tag (PROTOCOL 3.4).
///
/// Python clients parse `[` before a letter, `#`, `/` or `@` as markup. One unmatched tag
/// disconnects them all.
pub(super) fn escape(text: &str) -> Zeroizing<String> {
    // Only the final buffer is zeroized, so it must not reallocate. At worst every second
    // character grows.
    let mut escaped = Zeroizing::new(String::with_capacity(3 * text.len()));
    let mut previous = '\0';
    for c in text.chars() {
        if previous == '[' && matches!(c, 'a'..='z' | '#' | '/' | '@') {
            escaped.push('\u{200b}');
        }
        escaped.push(c);
        previous = c;
    }
    escaped
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
