//! `cmdchat doctor`: what this machine does to keep a conversation to itself.

use crate::safe;
use std::{
    env,
    io::{self, IsTerminal as _},
};

use crate::{hardening, text::SafeText};

/// A line for each topic.
pub(super) fn page() -> Vec<u8> {
    let mut page = Vec::new();
    let around = [("terminal", terminal()), ("multiplexer", multiplexer())];
    for (topic, finding) in hardening::report().into_iter().chain(around) {
        page.extend_from_slice(format!("{topic}: {finding}\n").as_bytes());
    }
    page
}

fn terminal() -> SafeText {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return safe!["none: plain lines"];
    }
    let name = SafeText::quote(&env::var("TERM").unwrap_or_default());
    match crossterm::terminal::size() {
        Ok((columns, rows)) => safe![name, ", ", columns, " by ", rows],
        Err(_) => safe![name, ", its size is not known"],
    }
}

/// Programs between us and the terminal that remember what is shown.
fn multiplexer() -> SafeText {
    let known = [("TMUX", "tmux"), ("STY", "screen"), ("ZELLIJ", "zellij")];
    match known.into_iter().find(|(variable, _)| env::var_os(variable).is_some()) {
        Some((_, name)) => {
            safe![name, ": it keeps what plain mode prints, and its log would too"]
        }
        None => safe!["none"],
    }
}
