//! What the program says about what happened in the room.

use cmdchat_core::client::{RejectReason, Warning, Welcome};

use crate::text::{Clean, Shown};

/// `you are in (strict). 2 online: alice bob`
pub(crate) fn welcome(welcome: &Welcome, names: &[Shown]) -> Shown {
    let mode = welcome.mode.as_str();
    let mut line = Shown::line(&[&"you are in (", &mode, &"). ", &names.len(), &" online:"]);
    for name in names {
        line = Shown::line(&[&line, &" ", &name.as_word()]);
    }
    line
}

/// What is odd about a message that is shown.
pub(crate) fn doubt(doubt: Warning, author: &Shown) -> Shown {
    let author = author.as_word();
    match doubt {
        Warning::SplitView => {
            Shown::line(&[&"the server shows different members different things"])
        }
        Warning::Missing(1) => Shown::line(&[&"a message from ", &author, &" is missing"]),
        Warning::Missing(count) => {
            Shown::line(&[&count, &" messages from ", &author, &" are missing"])
        }
        Warning::Clock => {
            Shown::line(&[&"a message from ", &author, &" was delayed, or a clock is wrong"])
        }
    }
}

/// Why a message is not shown; `inside` is the other name it was written under.
pub(crate) fn rejection(why: &RejectReason, author: &Shown, inside: Option<&Shown>) -> Shown {
    let author = author.as_word();
    match why {
        RejectReason::Forged(_) => {
            let inside = inside.map(Shown::as_word).unwrap_or_default();
            Shown::line(&[&"FORGED NAME? the host says ", &author, &", the message says ", &inside])
        }
        RejectReason::Altered => {
            Shown::line(&[&"a message in your name was altered on its way (dropped)"])
        }
        RejectReason::Unreadable => {
            Shown::line(&[&"a wish of ", &author, &" to wipe the room cannot be read (ignored)"])
        }
        RejectReason::Replayed => {
            Shown::line(&[&"a message from ", &author, &" arrived twice (dropped)"])
        }
    }
}

/// A text over [`MAX_TEXT`](cmdchat_core::wire::MAX_TEXT).
pub(crate) fn too_long() -> Shown {
    Shown::line(&[&"not sent: too long (16 KiB at most)"])
}

/// A message that only the wrong key could have opened.
pub(crate) fn unreadable(author: &Shown) -> Shown {
    let author = author.as_word();
    Shown::line(&[&"a message from ", &author, &" cannot be read with this passphrase"])
}

/// `1 message was`, `3 messages were`
pub(crate) fn messages(count: usize, was: &'static str, were: &'static str) -> Shown {
    let noun: &dyn Clean = if count == 1 { &" message " } else { &" messages " };
    Shown::line(&[&count, noun, if count == 1 { &was } else { &were }])
}
