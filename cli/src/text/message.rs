//! Message text as safe lines.

use crate::safe;
use cmdchat_core::untrusted::Untrusted;

use crate::text::SafeText;
use crate::text::sanitize::{Sanitizer, lines};

/// Maximum number of lines shown per message.
const LINES: usize = 200;

/// The text of a message as one or more lines. Only the author's line ends separate
/// lines; markup is not interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeBody(Vec<SafeText>);

impl SafeBody {
    /// Iterates over the lines from the top.
    pub fn lines(&self) -> impl Iterator<Item = &SafeText> {
        self.0.iter()
    }
}

impl SafeText {
    /// Formats the text of a message as at most 200 lines. Tabs advance to every fourth
    /// column. Controls are written out (`^[`, `<9B>`). Characters that hide or reorder
    /// text are removed and counted at the end (`[3 hidden]`).
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
