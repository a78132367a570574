//! The program in a session of its own: without any terminal, or with one that
//! a test holds the other end of.
//!
//! Only a process that is about to become the program can leave its session
//! without affecting others, so a test program starts itself once more, with a
//! single test that ends in [`become_the_program`].

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

/// Holds the arguments of the program to become.
const ARGUMENTS: &str = "CMDCHAT_TEST_ARGUMENTS";

/// `cmdchat` with `args` in a session of its own. If its standard input is a
/// terminal, that is its terminal, and its output, too. `entrance` is the test
/// that calls [`become_the_program`].
pub(crate) fn cmdchat_apart(entrance: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    tidy(command.args(["--ignored", "--exact", "--nocapture", entrance]));
    command.env(ARGUMENTS, args.join("\n"));
    command
}

/// Does not come back, unless nobody asked for it.
pub(crate) fn become_the_program() {
    become_one(cmdchat);
}

/// The same for a shell that runs `script` with the program as `$0`, and has
/// jobs as one that a person types into.
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
