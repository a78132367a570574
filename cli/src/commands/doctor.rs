//! `cmdchat doctor`: checks this machine's protection against leaks.

use crate::safe;
use std::{
    env,
    io::{self, IsTerminal as _},
};

use crate::{hardening, text::SafeText};

/// Returns the report with one line per topic.
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
        Err(_) => safe![name, ", size unknown"],
    }
}

/// Detects a terminal multiplexer, which keeps a copy of the output.
fn multiplexer() -> SafeText {
    let known = [("TMUX", "tmux"), ("STY", "screen"), ("ZELLIJ", "zellij")];
    match known.into_iter().find(|(variable, _)| env::var_os(variable).is_some()) {
        Some((_, name)) => {
            safe![name, ": its scrollback and log keep the output of plain mode"]
        }
        None => safe!["none"],
    }
}
