//! The test oracle: parses output as a terminal would, and rejects harmful sequences.

use vte::{Params, Parser, Perform};

/// Asserts that `line` contains text only, without invisible code points or ones that
/// reorder others.
pub(super) fn assert_text(line: &str) {
    judge(line.as_bytes(), false);
}

/// Asserts that `bytes` contain only text and drawing sequences: cursor movement,
/// cursor visibility, colours, erasing of rows, and newlines.
pub(super) fn assert_drawing(bytes: &[u8]) {
    judge(bytes, true);
}

fn judge(bytes: &[u8], may_draw: bool) {
    let mut found = Found { may_draw, harm: None };
    Parser::new().advance(&mut found, bytes);
    assert!(found.harm.is_none(), "{:?} in {:?}", found.harm, bytes.escape_ascii().to_string());
}

/// Records the first forbidden action of the terminal.
struct Found {
    may_draw: bool,
    harm: Option<&'static str>,
}

impl Found {
    fn note(&mut self, harm: &'static str) {
        self.harm.get_or_insert(harm);
    }
}

impl Perform for Found {
    fn print(&mut self, point: char) {
        let lurks = matches!(point,
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{AD}' | '\u{61C}' | '\u{200B}' | '\u{200E}'
            | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}');
        if lurks {
            self.note("something unseen");
        }
    }

    fn execute(&mut self, control: u8) {
        if !(self.may_draw && matches!(control, b'\r' | b'\n')) {
            self.note("a control");
        }
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, _: char) {
        self.note("a device control string");
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.note("a command to the system");
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _: bool, action: char) {
        let draws = match (intermediates, action) {
            ([], 'H' | 'm' | 'K' | 'C') => true,
            // Showing and hiding the cursor.
            (b"?", 'h' | 'l') => params.iter().eq([&[25_u16][..]]),
            _ => false,
        };
        if !(self.may_draw && draws) {
            self.note("a control sequence");
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        self.note("an escape sequence");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_detects_control_sequences() {
        for (text, what) in [
            ("a\rb", "a control"),
            ("\u{1B}[2J", "a control sequence"),
            ("\u{1B}]0;t\u{7}", "a command to the system"),
            ("\u{1B}Pq\u{1B}\\", "a device control string"),
            ("\u{1B}c", "an escape sequence"),
            ("\u{9B}", "a control"),
        ] {
            let verdict = std::panic::catch_unwind(|| assert_text(text)).unwrap_err();
            let words = verdict.downcast_ref::<String>().unwrap();
            assert!(words.contains(&format!("{what:?}")), "{words}");
        }
        assert!(std::panic::catch_unwind(|| assert_text("gpj.\u{202E}exe")).is_err());
        assert_text("naïve 日本 👍");
    }

    #[test]
    fn oracle_detects_non_drawing_sequences() {
        assert_drawing(b"\r\x1B[K\x1B[2;3Hx\x1B[1;38;5;6mx\x1B[?25l\r\n");
        for text in
            ["\u{1B}[2J", "\u{1B}[?2004l", "\u{1B}[?25;1049h", "\u{1B}[6n", "\u{7}", "\u{200B}"]
        {
            assert!(
                std::panic::catch_unwind(|| assert_drawing(text.as_bytes())).is_err(),
                "{text:?}"
            );
        }
    }
}
