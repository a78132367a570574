//! User-visible texts about events in the room.

use crate::safe;
use cmdchat_core::client::{RejectReason, RoomWarning, Warning, Welcome};

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
            safe![
                author,
                " was shown something else than you: the server, or ",
                author,
                "'s program, does not tell the truth"
            ]
        }
        Warning::SplitViews => {
            safe!["the server shows different members different things"]
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

/// Returns the warning about a strict room. `name` is the member that it is about.
pub(crate) fn room_warning(warning: &RoomWarning, name: &SafeText) -> SafeText {
    let author = name;
    let name = name.as_word();
    match warning {
        RoomWarning::Author { warning, .. } => doubt(*warning, author),
        RoomWarning::NotVerified(_) => {
            safe![name, " is not verified: the key of this member could not be checked"]
        }
        RoomWarning::AnotherKey { before, now, .. } => {
            let [before, now] = [before, now].map(|id| SafeText::sanitize(&id.tag(4)));
            safe![name, " (", now, ") is not the same as before (", before, ")"]
        }
        RoomWarning::Missed(1) => safe!["1 message was missed while you were away"],
        RoomWarning::Missed(count) => {
            safe![*count, " messages were missed while you were away"]
        }
        RoomWarning::NewRun => safe!["the room was started anew"],
        RoomWarning::OtherPast => safe!["the room's past is not what you were shown"],
        RoomWarning::NotWatched => {
            safe!["so much has happened here that not everything is watched any more"]
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
        RejectReason::BadSignature => {
            safe!["FORGED: a message as ", author, " was written without the key it claims"]
        }
        RejectReason::Forged { .. } => {
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
