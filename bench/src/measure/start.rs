//! Startup time: from the start of the program to its connection.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Result, process::Process, server};

/// Returns the time from the start of `cmdchat connect` to its connection, and its
/// peak memory until then.
pub(crate) fn to_connect(program: &Path) -> Result<(Duration, u64)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port().to_string();
    let mut command = Command::new(program);
    command
        .args(["connect", "127.0.0.1", &port, "alice", "--password-stdin"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let process = Process::start(&mut command, &format!("{}\n", server::PASSWORD))?;
    listener.accept()?;
    Ok((start.elapsed(), process.memory("VmHWM")?))
}
