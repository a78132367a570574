//! Runs the program under `strace` and reports its file operations.

use std::{
    fs, io,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::process::{Pid, Signal, kill_process};

/// Set by CI. Without the tools to trace, tests then fail instead of being skipped.
const REQUIRED: &str = "CMDCHAT_REQUIRE_TRACE";

/// Traced system calls: all that take a file name, and those that create unnamed
/// files or change files without appearing in the trace.
const CALLS: &str = "trace=%file,memfd_create,open_by_handle_at,io_uring_setup";

/// Traced system calls that never change a file. For `open` and its variants, the
/// flags decide.
const HARMLESS: &[&str] = &[
    "access",
    "chdir",
    "execve",
    "faccessat",
    "faccessat2",
    "getcwd",
    "lstat",
    "newfstatat",
    "readlink",
    "readlinkat",
    "stat",
    "statfs",
    "statx",
];

/// Reports that a test is skipped on this machine, or fails if [`REQUIRED`] is set.
pub(crate) fn skip(why: &dyn std::fmt::Display) {
    assert!(std::env::var_os(REQUIRED).is_none(), "nothing can be traced: {why}");
    eprintln!("\n*** SKIPPED: what the program does was not looked at: {why} ***\n");
}

fn has_strace() -> bool {
    let strace = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    strace.inspect_err(|why| skip(&format!("strace: {why}"))).is_ok()
}

/// An empty folder and the traces of the programs started in it. The folder is
/// their working directory, home, and directory for temporary files.
pub(crate) struct Watch {
    folder: PathBuf,
    traces: AtomicUsize,
}

impl Watch {
    /// Creates the folder. Returns `None` and reports a skip if there is no strace.
    pub(crate) fn begin(name: &str) -> Option<Self> {
        if !has_strace() {
            return None;
        }
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("home")).unwrap();
        Some(Self { folder, traces: AtomicUsize::new(0) })
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Wraps `command` in strace, without a limit on the size of core dumps.
    pub(crate) fn over(&self, command: &Command) -> Command {
        let number = self.traces.fetch_add(1, Ordering::Relaxed);
        let trace = self.folder.join(format!("trace-{number}"));
        let mut traced = Command::new("sh");
        traced.args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$@\"", "sh"]);
        traced.args(["strace", "-f", "-qq", "-e", "signal=none", "-e", CALLS, "-o"]).arg(trace);
        traced.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => traced.env(name, value),
                None => traced.env_remove(name),
            };
        }
        let home = self.home();
        traced.current_dir(&home).env("HOME", &home).env("TMPDIR", &home).stdin(Stdio::null());
        traced
    }

    /// Returns the file operations of each command since it executed `program`
    /// that may have written something, and the files left in the home folder.
    pub(crate) fn writes(&self, program: &str) -> Vec<String> {
        let mut writes = Vec::new();
        for number in 0..self.traces.load(Ordering::Relaxed) {
            let trace = fs::read_to_string(self.folder.join(format!("trace-{number}"))).unwrap();
            let begin = trace.find(&format!("execve(\"{program}\"")).unwrap();
            let lines = trace[begin..].lines().filter(|line| may_write(line));
            writes.extend(lines.map(str::to_owned));
        }
        let left = fs::read_dir(self.home()).unwrap().map(|file| format!("{:?}", file.unwrap()));
        writes.extend(left);
        writes
    }
}

fn may_write(line: &str) -> bool {
    // Each line has the process ID, then a call or the end of an earlier call.
    let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
    let Some((name, arguments)) = call.split_once('(') else { return false };
    if call.starts_with("<...") || HARMLESS.contains(&name) {
        return false;
    }
    let device = |path: &str| arguments.contains(&format!("\"{path}"));
    let reads = arguments.contains("O_RDONLY")
        && !["O_CREAT", "O_TRUNC", "O_TMPFILE"].iter().any(|flag| arguments.contains(flag));
    let to_nowhere = device("/dev/tty\"") || device("/dev/null\"") || device("/dev/pts/");
    !(["open", "openat", "openat2"].contains(&name) && (reads || to_nowhere))
}

/// Wraps `command` in strace so that its exit takes another minute. Returns `None`
/// and reports a skip if there is no strace.
pub(crate) fn held_at_its_end(command: &Command) -> Option<Command> {
    if !has_strace() {
        return None;
    }
    let mut held = Command::new("strace");
    held.args(["-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-e", "trace=exit_group"]);
    held.args(["-e", "inject=exit_group:delay_enter=60000000"]);
    held.arg(command.get_program()).args(command.get_args());
    Some(held)
}

/// Returns the process ID of the program that the strace process runs.
pub(crate) fn child(strace: u32) -> u32 {
    let children = format!("/proc/{strace}/task/{strace}/children");
    fs::read_to_string(children).unwrap().trim().parse().unwrap()
}

/// Sends a signal to the program that the strace process runs.
pub(crate) fn signal(strace: u32, signal: Signal) {
    let child = Pid::from_raw(child(strace).try_into().unwrap()).unwrap();
    kill_process(child, signal).unwrap();
}

/// Wraps `command` in a mount namespace that is read-only, if this machine allows
/// one.
pub(crate) fn on_a_read_only_disk(command: &Command) -> Command {
    // `true` instead of `:`, because a failed redirection of `:` would end the shell.
    let script = "mount -o remount,ro,bind / && ! true 2>/dev/null >/x && exec \"$@\"";
    let mut locked = Command::new("unshare");
    locked.args(["-m", "sh", "-c", script, "sh"]).arg(command.get_program());
    locked.args(command.get_args()).env("HOME", "/").stdin(Stdio::null());
    locked
}

/// Returns true if this machine allows a read-only mount namespace.
pub(crate) fn has_read_only_disk() -> io::Result<bool> {
    let tried = on_a_read_only_disk(&Command::new("true")).stderr(Stdio::null()).status()?;
    Ok(tried.success())
}
