//! `cmdchat completions`.

use clap_complete::{Shell, generate};

use crate::args;

/// A script that makes `shell` complete our commands and options.
pub(super) fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    generate(shell, &mut args::command(), "cmdchat", &mut script);
    script
}
