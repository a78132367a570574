//! JSON lines that are safe to print on a terminal.

use std::io;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use crate::text::SafeText;
use crate::text::sanitize::is_visible;

impl SafeText {
    /// Serializes `value` as one line of JSON. Texts are complete, but characters that
    /// are invisible or have an effect on the terminal are written `\u1234`.
    #[must_use]
    pub fn json(value: &impl Serialize) -> Self {
        let mut line = Vec::with_capacity(256);
        // Writing to a vector cannot fail, and all keys are strings.
        let _ = value.serialize(&mut Serializer::with_formatter(&mut line, Seen));
        Self::new(String::from_utf8(line).unwrap_or_default())
    }
}

/// The compact JSON format with invisible characters escaped.
struct Seen;

impl Formatter for Seen {
    /// `fragment` contains no character that JSON itself requires to escape.
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let mut rest = fragment;
        while let Some(at) = rest.find(|point| !is_visible(point)) {
            let (seen, tail) = rest.split_at(at);
            writer.write_all(seen.as_bytes())?;
            let mut points = tail.chars();
            for point in points.by_ref().take(1) {
                for unit in point.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = points.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        SafeText::json(&text).to_string()
    }

    #[test]
    fn visible_text_is_unchanged_in_json() {
        for text in ["hello", "naïve Straße", "日本語", "עברית", "👍🏽", "e\u{301}", "a/b 'c' <d>"]
        {
            assert_eq!(json(text), format!("\"{text}\""));
        }
    }

    #[test]
    fn invisible_text_is_escaped_in_json() {
        for (text, line) in [
            ("\"\\\n", r#""\"\\\n""#),
            ("a\u{1B}[2J", r#""a\u001b[2J""#),
            ("\u{7F}\u{80}\u{9B}", r#""\u007f\u0080\u009b""#),
            ("a\u{2028}b\u{2029}", r#""a\u2028b\u2029""#),
            ("gpj.\u{202E}exe\u{2066}", r#""gpj.\u202eexe\u2066""#),
            ("\u{200B}\u{200D}\u{FEFF}\u{AD}", r#""\u200b\u200d\ufeff\u00ad""#),
            ("\u{E0041}\u{F0000}", r#""\udb40\udc41\udb80\udc00""#),
            ("\u{378}\u{FDD0}\u{3164}", r#""\u0378\ufdd0\u3164""#),
        ] {
            assert_eq!(json(text), line);
        }
    }

    proptest::proptest! {
        #[test]
        fn escaped_json_text_round_trips(text: String) {
            let line = json(&text);
            proptest::prop_assert!(line.chars().all(|point| !point.is_control()));
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
