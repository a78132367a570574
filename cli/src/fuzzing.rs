//! The body of the fuzz target `sinks` in `fuzz/`: here, where everything that
//! prints is at hand; the corpus is replayed by an ordinary test.

use cmdchat_core::untrusted::Untrusted;
use jiff::civil::time;
use vte::{Params, Parser, Perform};

use crate::{
    exit::Failure,
    text::{Faces, Shown, draft},
    view::plain,
};

/// Whatever a peer is called and whatever it says, no sink of ours writes
/// anything but lines of text: no control, no sequence, nothing invisible.
///
/// The first line of the input is a name, the rest a text; each of the two and
/// the whole stand wherever something of a peer's can stand.
pub fn sinks(data: &[u8]) {
    let whole = String::from_utf8_lossy(data).into_owned();
    let (head, rest) = whole.split_once('\n').unwrap_or((&whole, ""));
    let parts = [&whole, head, rest].map(|part| Untrusted::new(part.to_owned()));
    let mut faces = Faces::default();
    for part in &parts {
        for line in lines(part, &parts[2], &mut faces) {
            assert_harmless(line.as_str());
        }
        for line in draft(part.raw()).split('\n') {
            assert_harmless(line);
        }
        assert!(faces.show(part).width() <= 34, "a name stays in its cells");
        let word = Shown::plain_name(part);
        assert!(!word.as_str().contains([' ', '<', '>', '|']), "a name is one word");
    }
}

/// All that is ever printed of a name and a text.
fn lines(name: &Untrusted, text: &Untrusted, faces: &mut Faces) -> Vec<Shown> {
    let at = time(14, 3, 7, 0);
    let shown = faces.show(name);
    let mut lines = plain::message(at, &shown, &Shown::body(text));
    lines.extend(plain::message(at, &shown, &Shown::body(name)));
    lines.extend([
        plain::joined(at, &shown, 2),
        plain::left(at, &shown, 1),
        plain::notice(at, &Shown::diagnostic(name)),
        plain::warning(at, &Shown::one_line(name.raw())),
        Shown::json(&name.raw()),
    ]);
    let raw = name.raw();
    let failures = [
        Failure::refused_with(raw, 3000, name),
        Failure::no_common_protocol(raw, 3000, name),
        Failure::name_taken(raw),
        Failure::unknown_host(raw),
        Failure::bad_port(raw),
    ];
    for failure in failures {
        lines.push(failure.what);
        lines.extend(failure.hints);
    }
    lines
}

/// A terminal that reads `line` finds letters only, and no code point that
/// cannot be seen or turns others around.
fn assert_harmless(line: &str) {
    let mut found = Found(None);
    Parser::new().advance(&mut found, line.as_bytes());
    assert!(found.0.is_none(), "{:?} in {:?}", found.0, line.escape_unicode().to_string());
    let lurking = |point: &char| {
        matches!(point,
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{AD}' | '\u{61C}' | '\u{200B}' | '\u{200E}'
            | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}')
    };
    let lurks = line.chars().find(lurking);
    assert!(lurks.is_none(), "{lurks:?} in {:?}", line.escape_unicode().to_string());
}

/// The first thing that a terminal did besides printing.
struct Found(Option<&'static str>);

impl Perform for Found {
    fn execute(&mut self, _: u8) {
        self.0.get_or_insert("a control");
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, _: char) {
        self.0.get_or_insert("a device control string");
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.0.get_or_insert("a command to the system");
    }

    fn csi_dispatch(&mut self, _: &Params, _: &[u8], _: bool, _: char) {
        self.0.get_or_insert("a control sequence");
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, _: u8) {
        self.0.get_or_insert("an escape sequence");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The judge is not blind.
    #[test]
    fn what_does_something_is_found() {
        for (text, what) in [
            ("a\rb", "a control"),
            ("\u{1B}[2J", "a control sequence"),
            ("\u{1B}]0;t\u{7}", "a command to the system"),
            ("\u{1B}Pq\u{1B}\\", "a device control string"),
            ("\u{1B}c", "an escape sequence"),
            ("\u{9B}", "a control"),
        ] {
            let verdict = std::panic::catch_unwind(|| assert_harmless(text)).unwrap_err();
            let words = verdict.downcast_ref::<String>().unwrap();
            assert!(words.contains(&format!("{what:?}")), "{words}");
        }
        assert!(std::panic::catch_unwind(|| assert_harmless("gpj.\u{202E}exe")).is_err());
        assert_harmless("naïve 日本 👍");
    }
}
