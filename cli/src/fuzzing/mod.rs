//! The body of the fuzz target `terminal_output` in `fuzz/`: here, where everything that
//! prints is at hand; the corpus is replayed by an ordinary test.

mod oracle;
mod render;

use cmdchat_core::untrusted::Untrusted;
use jiff::civil::time;

use crate::fuzzing::oracle::{assert_drawing, assert_text};
use crate::{
    error::Error,
    text::{ConfusableNames, SafeText, sanitize_draft},
    ui::plain,
};

/// Whatever a peer is called and whatever it says, no sink of ours writes
/// anything but lines of text: no control, no sequence, nothing invisible; and a
/// screen besides only what moves the cursor, colours and erases.
///
/// The first line of the input is a name, the rest a text; each of the two and
/// the whole stand wherever something of a peer's can stand.
pub fn terminal_output(data: &[u8]) {
    let whole = String::from_utf8_lossy(data).into_owned();
    let (head, rest) = whole.split_once('\n').unwrap_or((&whole, ""));
    let parts = [&whole, head, rest].map(|part| Untrusted::new(part.to_owned()));
    let mut confusables = ConfusableNames::default();
    for part in &parts {
        for line in lines(part, &parts[2], &mut confusables) {
            assert_text(line.as_str());
        }
        for line in sanitize_draft(part.raw()).split('\n') {
            assert_text(line);
        }
        assert!(confusables.show(part).width() <= 34, "a name stays in its cells");
        let word = SafeText::plain_name(part);
        assert!(!word.as_str().contains([' ', '<', '>', '|']), "a name is one word");
    }
    let [whole, name, text] = &parts;
    for bytes in [render::full(name, text), render::full(whole, whole), render::plain(name, text)] {
        assert_drawing(&bytes);
    }
}

/// All that is ever printed of a name and a text.
fn lines(name: &Untrusted, text: &Untrusted, confusables: &mut ConfusableNames) -> Vec<SafeText> {
    let at = time(14, 3, 7, 0);
    let shown = confusables.show(name);
    let mut lines = plain::message(at, &shown, &SafeText::message(text));
    lines.extend(plain::message(at, &shown, &SafeText::message(name)));
    lines.extend([
        plain::joined(at, &shown, 2),
        plain::left(at, &shown, 1),
        plain::notice(at, &SafeText::quote_remote(name)),
        plain::warning(at, &SafeText::sanitize(name.raw())),
        SafeText::json(&name.raw()),
    ]);
    let raw = name.raw();
    let failures = [
        Error::refused_with(raw, 3000, name),
        Error::no_common_protocol(raw, 3000, name),
        Error::name_taken(raw),
        Error::unknown_host(raw),
        Error::bad_port(raw),
    ];
    for error in failures {
        lines.push(error.what);
        lines.extend(error.hints);
    }
    lines
}
