//! The body of the fuzz target `terminal_output` in `fuzz/`. It is in this crate
//! because it needs everything that prints. An ordinary test replays the corpus.

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

/// Checks that no username and no message of a peer can inject terminal output.
/// Line output must contain text only: no control characters, no escape sequences,
/// nothing invisible. Screens may also move the cursor, set colours and erase.
///
/// The first line of the input is a username, and the rest is a text. Both parts and
/// the whole input are used everywhere a peer's data can appear.
pub fn terminal_output(data: &[u8]) {
    let whole = String::from_utf8_lossy(data).into_owned();
    let (head, rest) = whole.split_once('\n').unwrap_or((&whole, ""));
    let parts = [&whole, head, rest].map(|part| Untrusted::new(part.to_owned()));
    let mut confusables = ConfusableNames::default();
    for part in &parts {
        for line in lines(part, &parts[2], &mut confusables) {
            assert_text(line.as_str());
        }
        for line in sanitize_draft(part.raw()).split(['\n', '\t']) {
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

/// Returns every kind of line that is printed for a username and a text.
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
