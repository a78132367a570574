//! Descriptors, and the second start.

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

/// Opens an inherited descriptor a second time.
pub(super) fn open(fd: u32) -> io::Result<File> {
    File::open(format!("/dev/fd/{fd}"))
}

/// Standard input without a buffer: what follows the password stays there.
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

/// Becomes this program without the password in its arguments and environment.
/// Comes back only if that is impossible.
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
    let _ = command.args(again.with_password_fd(pipe.as_raw_fd())).env_remove(VARIABLE).exec(); // it returned: impossible
}

/// The reading end of a pipe that holds a line and has no writer any more.
pub(super) fn pipe_with(password: &[u8]) -> io::Result<OwnedFd> {
    let (reader, writer) = rustix::pipe::pipe()?;
    // A pipe may be as small as a page; better no second start than a standstill.
    fcntl_setfl(&writer, fcntl_getfl(&writer)? | OFlags::NONBLOCK)?;
    let line = Zeroizing::new([password, b"\n"].concat());
    if rustix::io::write(&writer, &line)? < line.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(reader)
}
