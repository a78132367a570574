//! Servers as processes: started on a processor of their own, measured by
//! `/proc`, ended with the value.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;

/// Where the server runs; the load has all the others.
const SERVER_CPU: usize = 0;

/// A process that is measured.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    /// Of those started here.
    child: Option<Child>,
}

impl Process {
    /// Starts `command` pinned to the server's processor, writes `input` to it
    /// and keeps that pipe open.
    pub(crate) fn start(command: &mut Command, input: &str) -> Result<Self> {
        let ours = sched_getaffinity(None)?;
        let mut servers = CpuSet::new();
        servers.set(SERVER_CPU);
        // A process inherits this from the thread that starts it.
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

    /// One that runs already.
    pub(crate) const fn running(pid: u32) -> Self {
        Self { pid, child: None }
    }

    /// The first line of its standard error or output that `find` takes
    /// something from. The rest is read and thrown away.
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

    /// Processor time used until now, by all threads, the system's share included.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name of the program, in brackets, may hold anything.
        let (_, fields) = stat.rsplit_once(')').ok_or("an odd /proc/PID/stat")?;
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
    }

    /// A field of `/proc/PID/status`, in bytes: `VmRSS`, `VmHWM` and the like.
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

/// Keeps this thread, and those it starts, off the server's processor.
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

/// What is measured on, for the record.
pub(crate) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let model = model.map_or("unknown processor", |(_, name)| name);
    format!("{count} x {model}, Linux {}", kernel.trim())
}
