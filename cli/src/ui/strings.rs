//! User-visible texts about events in the room.

use crate::safe;
use cmdchat_core::client::{RejectReason, Warning, Welcome};

use crate::text::{SafeDisplay, SafeText};

/// Returns the text after joining: `you are in (strict). 2 online: alice bob`
pub(crate) fn welcome(welcome: &Welcome, names: &[SafeText]) -> SafeText {
    let mode = welcome.mode.as_str();
    let mut line = safe!["you are in (", mode, "). ", names.len(), " online:"];
    for name in names {
        line = safe![line, " ", name.as_word()];
    }
    line
}

/// Returns the warning about a message that is shown.
pub(crate) fn doubt(doubt: Warning, author: &SafeText) -> SafeText {
    let author = author.as_word();
    match doubt {
        Warning::SplitView => {
            safe!["the server shows different messages to different members"]
        }
        Warning::Missing(1) => safe!["a message from ", author, " is missing"],
        Warning::Missing(count) => {
            safe![count, " messages from ", author, " are missing"]
        }
        Warning::Clock => {
            safe!["a message from ", author, " was delayed, or a clock is wrong"]
        }
    }
}

/// Returns the reason why a message is not shown. `inside` is the username inside
/// a forged message.
pub(crate) fn rejection(
    why: &RejectReason,
    author: &SafeText,
    inside: Option<&SafeText>,
) -> SafeText {
    let author = author.as_word();
    match why {
        RejectReason::Forged(_) => {
            let inside = inside.map(SafeText::as_word).unwrap_or_default();
            safe!["FORGED NAME? the server says ", author, ", the message says ", inside]
        }
        RejectReason::Altered => {
            safe!["a message in your name was altered on its way (dropped)"]
        }
        RejectReason::Unreadable => {
            safe!["ignored an unreadable clear request from ", author]
        }
        RejectReason::Replayed => {
            safe!["a message from ", author, " arrived twice (dropped)"]
        }
    }
}

/// Returns the error for a text longer than [`MAX_TEXT`](cmdchat_core::wire::MAX_TEXT).
pub(crate) fn too_long() -> SafeText {
    safe!["not sent: too long (16 KiB at most)"]
}

/// Returns the warning about a message that the room key cannot decrypt.
pub(crate) fn unreadable(author: &SafeText) -> SafeText {
    let author = author.as_word();
    safe!["a message from ", author, " cannot be read with this passphrase"]
}

/// Returns a count with its verb: `1 message was`, `3 messages were`
pub(crate) fn messages(count: usize, was: &'static str, were: &'static str) -> SafeText {
    let noun: &dyn SafeDisplay = if count == 1 { &" message " } else { &" messages " };
    safe![count, noun, if count == 1 { &was } else { &were }]
}
