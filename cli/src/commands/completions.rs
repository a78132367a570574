//! `cmdchat completions`.

use clap_complete::{Shell, generate};

use crate::args;

/// Returns the completion script for `shell`.
pub(super) fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    generate(shell, &mut args::command(), "cmdchat", &mut script);
    script
}
