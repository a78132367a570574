//! Server processes, each pinned to a processor of its own, measured through
//! `/proc`, and killed on drop.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;

/// Processor of the server; the load runs on all others.
const SERVER_CPU: usize = 0;

/// A process that is measured.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    /// The child process, if it was started here.
    child: Option<Child>,
}

impl Process {
    /// Starts `command` pinned to the server's processor, writes `input` to its
    /// standard input, and keeps that pipe open.
    pub(crate) fn start(command: &mut Command, input: &str) -> Result<Self> {
        let ours = sched_getaffinity(None)?;
        let mut servers = CpuSet::new();
        servers.set(SERVER_CPU);
        // A process inherits its affinity from the thread that starts it.
        sched_setaffinity(None, &servers)?;
        let started = command.stdin(Stdio::piped()).spawn();
        sched_setaffinity(None, &ours)?;
        let what = command.get_program().to_string_lossy();
        let mut child = started.map_err(|error| format!("cannot start {what}: {error}"))?;
        if let Some(stdin) = &mut child.stdin {
            stdin.write_all(input.as_bytes())?;
        }
        Ok(Self { pid: child.id(), child: Some(child) })
    }

    /// Returns a process that is already running.
    pub(crate) const fn running(pid: u32) -> Self {
        Self { pid, child: None }
    }

    /// Returns the result of `find` for the first matching line of standard output,
    /// or of standard error if only that is piped. All later output is discarded.
    pub(crate) fn announcement<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let child = self.child.as_mut().ok_or("not started here")?;
        let pipe: Box<dyn Read + Send> = match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), _) => Box::new(stdout),
            (None, Some(stderr)) => Box::new(stderr),
            (None, None) => return Err("its output was not asked for".into()),
        };
        let mut lines = BufReader::new(pipe).lines();
        while let Some(line) = lines.next().transpose()? {
            if let Some(found) = find(&line) {
                thread::spawn(move || lines.for_each(drop));
                return Ok(found);
            }
        }
        Err("the server ended before it listened".into())
    }

    /// Returns the processor time used so far by all threads, in user and system mode.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The program name, in brackets, can contain any character.
        let (_, fields) = stat.rsplit_once(')').ok_or("an odd /proc/PID/stat")?;
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
    }

    /// Returns a field of `/proc/PID/status` in bytes, such as `VmRSS` or `VmHWM`.
    pub(crate) fn memory(&self, field: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kilobytes = value.and_then(|text| text.trim().strip_suffix("kB"));
        let kilobytes: u64 = kilobytes.ok_or("an odd /proc/PID/status")?.trim().parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Excludes the server's processor from this thread and the threads it starts.
pub(crate) fn leave_to_the_server() -> Result<()> {
    let all = sched_getaffinity(None)?;
    let mut rest = all;
    rest.unset(SERVER_CPU);
    if rest.count() == 0 {
        return Err("two processors are needed: one is the server's alone".into());
    }
    sched_setaffinity(None, &rest)?;
    Ok(())
}

/// Returns a description of this machine: processors and kernel.
pub(crate) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let model = model.map_or("unknown processor", |(_, name)| name);
    format!("{count} x {model}, Linux {}", kernel.trim())
}
