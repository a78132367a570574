//! Runs the program in its own session, without a terminal or at a pseudo-terminal
//! whose other end the test holds.
//!
//! Only a process that is about to execute the program can leave its session
//! without affecting others. A test program therefore starts itself again, with a
//! single test that calls [`become_the_program`].

use std::{
    env,
    io::{self, IsTerminal as _},
    os::unix::process::CommandExt as _,
    process::Command,
};

use rustix::{
    process::{ioctl_tiocsctty, setsid},
    stdio::stdin,
};

use super::{cmdchat, tidy};

/// Environment variable with the arguments of the program to execute.
const ARGUMENTS: &str = "CMDCHAT_TEST_ARGUMENTS";

/// Returns a command that runs `cmdchat` with `args` in its own session. If its
/// standard input is a terminal, that becomes its controlling terminal and its
/// output. `entry` is the test that calls [`become_the_program`].
pub(crate) fn cmdchat_apart(entry: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    tidy(command.args(["--ignored", "--exact", "--nocapture", entry]));
    command.env(ARGUMENTS, args.join("\n"));
    command
}

/// Replaces this process with the program. Returns only if the variable
/// [`ARGUMENTS`] is not set.
pub(crate) fn become_the_program() {
    become_one(cmdchat);
}

/// Replaces this process with a shell that runs `script`, with the program as `$0`
/// and with job control as in an interactive shell.
pub(crate) fn become_a_shell(script: &str) {
    become_one(|args| {
        let mut command = Command::new("bash");
        tidy(command.args(["-mc", script, env!("CARGO_BIN_EXE_cmdchat")]).args(args));
        command
    });
}

fn become_one(make: impl Fn(&[&str]) -> Command) {
    let Ok(args) = env::var(ARGUMENTS) else { return };
    setsid().unwrap();
    let mut command = make(&args.lines().collect::<Vec<_>>());
    let terminal = || stdin().try_clone_to_owned().unwrap();
    command.env_remove(ARGUMENTS).stdin(terminal());
    if io::stdin().is_terminal() {
        ioctl_tiocsctty(stdin()).unwrap();
        command.stdout(terminal()).stderr(terminal());
    }
    panic!("{}", command.exec());
}
