//! Secret input on Unix: inherited descriptors, and re-exec without the passphrase.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use zeroize::Zeroizing;

use crate::args::ReexecArgs;
use crate::secrets::VARIABLE;

pub(super) use crate::secrets::prompt_unix::{ask, can_ask};

/// Reopens an inherited descriptor.
pub(super) fn open(fd: u32) -> io::Result<File> {
    File::open(format!("/dev/fd/{fd}"))
}

/// Unbuffered standard input, so that the input after the passphrase stays unread.
pub(super) struct Stdin;

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

pub(super) fn is_open_to_others(file: &File) -> io::Result<bool> {
    let about = file.metadata()?;
    Ok(about.is_file() && about.permissions().mode() & 0o044 != 0)
}

pub(super) fn shell(command: &OsStr) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    shell
}

/// Re-executes this program without the passphrase in its arguments and
/// environment. Returns only if that fails.
pub(super) fn reexec(password: &[u8], again: &ReexecArgs) {
    let Ok(pipe) = pipe_with(password) else {
        return;
    };
    let Ok(program) = env::current_exe() else {
        return;
    };
    let mut command = Command::new(program);
    if let Some(name) = env::args_os().next() {
        command.arg0(name);
    }
    let _ = command.args(again.with_password_fd(pipe.as_raw_fd())).env_remove(VARIABLE).exec(); // returns only on failure
}

/// Returns the read end of a pipe that holds the passphrase as one line and has no
/// writer.
pub(super) fn pipe_with(password: &[u8]) -> io::Result<OwnedFd> {
    let (reader, writer) = rustix::pipe::pipe()?;
    // A pipe may be as small as one page. Failing is better than blocking forever.
    fcntl_setfl(&writer, fcntl_getfl(&writer)? | OFlags::NONBLOCK)?;
    let line = Zeroizing::new([password, b"\n"].concat());
    if rustix::io::write(&writer, &line)? < line.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(reader)
}
