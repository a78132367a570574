//! The text of a message.

use crate::safe;
use cmdchat_core::untrusted::Untrusted;

use crate::text::SafeText;
use crate::text::sanitize::{Sanitizer, lines};

/// Lines of one message that are shown.
const LINES: usize = 200;

/// A message as lines, never none. Only its author's line ends make lines; no
/// markup is read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeBody(Vec<SafeText>);

impl SafeBody {
    /// The lines, from the top.
    pub fn lines(&self) -> impl Iterator<Item = &SafeText> {
        self.0.iter()
    }
}

impl SafeText {
    /// The text of a message: line ends laid out, tabs to every fourth column,
    /// controls written out (`^[`, `<9B>`), what hides or reorders left out and
    /// counted at the end (`[3 hidden]`), and 200 lines at most.
    #[must_use]
    pub fn message(text: &Untrusted) -> SafeBody {
        let mut raw = lines(text.raw());
        let mut shown = Vec::new();
        let mut hidden = 0;
        for line in raw.by_ref().take(LINES) {
            let line = Sanitizer::line(line);
            hidden += line.hidden;
            shown.push(Self::new(line.text));
        }
        if hidden > 0
            && let Some(last) = shown.last_mut()
        {
            *last = safe![*last, " [", hidden, " hidden]"];
        }
        match raw.count() {
            0 => {}
            1 => shown.push(safe!["… 1 more line"]),
            more => shown.push(safe!["… ", more, " more lines"]),
        }
        SafeBody(shown)
    }
}
