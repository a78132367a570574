//! Test support that runs the program as a user or a script does: processes, their
//! streams, and their exit codes.

#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]
#![allow(clippy::disallowed_methods, reason = "processes run in real time")]

#[cfg(target_os = "linux")]
pub(crate) mod memory;
pub(crate) mod proxy;
#[cfg(target_os = "linux")]
pub(crate) mod pty;
#[cfg(target_os = "linux")]
pub(crate) mod screen;
pub(crate) mod sealed_client;
#[cfg(unix)]
pub(crate) mod session;
#[cfg(target_os = "linux")]
pub(crate) mod strace;

use std::{
    fs,
    io::{Read, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Runtimes that this build includes.
pub(crate) const RUNTIMES: &[&str] = &[
    #[cfg(feature = "smol")]
    "smol",
    #[cfg(feature = "blocking")]
    "blocking",
];

/// Time limit for every wait, longer than any step takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Interval at which [`poll_until`] checks its condition.
const GLANCE: Duration = Duration::from_millis(10);

/// Returns a command for the program, without the environment variables it reads.
pub(crate) fn cmdchat(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmdchat"));
    tidy(command.args(args));
    command
}

/// Returns a shell command with the program as `$0` and `args` as `$@`.
#[cfg(unix)]
pub(crate) fn shell(script: &str, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    tidy(command.args(["-c", script, env!("CARGO_BIN_EXE_cmdchat")]).args(args));
    command
}

fn tidy(command: &mut Command) {
    command
        .env_remove("CMDCHAT_PASSWORD")
        .env_remove("CMDCHAT_BACKTRACE")
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
}

/// Creates a file that contains `text` and that only its owner can read.
pub(crate) fn file(text: &[u8]) -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}-{number}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    set_mode(&path, 0o600);
    path
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &PathBuf, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
pub(crate) fn set_mode(_path: &PathBuf, _mode: u32) {}

/// Creates a file with the passphrase and returns its path.
pub(crate) fn key() -> String {
    file(PASSWORD.as_bytes()).into_os_string().into_string().unwrap()
}

/// Runs `command` until it ends.
pub(crate) fn run(command: &mut Command) -> Ended {
    Process::start(command).ends()
}

/// The exit status and output of a process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Asserts that the exit code is `code` and that stderr contains only `words`.
    pub(crate) fn says(&self, code: i32, words: &str) {
        assert_eq!((self.code(), self.err.trim_end()), (Some(code), words), "stdout: {}", self.out);
    }

    /// Asserts that the exit code is 0 and that stderr is empty.
    pub(crate) fn is_success(&self) {
        assert_eq!((self.code(), self.err.as_str()), (Some(0), ""), "stdout: {}", self.out);
    }

    /// Returns the messages of `name` on stdout in order, without their times.
    pub(crate) fn said_by(&self, name: &str) -> Vec<String> {
        said_by(&self.out, name)
    }
}

/// Returns the messages of `name` in `text` in order, without their times.
pub(crate) fn said_by(text: &str, name: &str) -> Vec<String> {
    let head = format!("<{name}> ");
    let said = |line: &str| line.get(9..).and_then(|rest| rest.strip_prefix(&head)).map(Into::into);
    text.lines().filter_map(said).collect()
}

/// A running process. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) out: Stream,
    pub(crate) err: Stream,
}

impl Process {
    /// Starts `command` and captures its output.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Stream::watch(child.stdout.take().unwrap());
        let err = Stream::watch(child.stderr.take().unwrap());
        Self { input: child.stdin.take(), child, out, err }
    }

    /// Starts `command` with a pipe as its standard input.
    pub(crate) fn start_talking(command: &mut Command) -> Self {
        Self::start(command.stdin(Stdio::piped()))
    }

    /// Writes `text` to standard input.
    pub(crate) fn types(&mut self, text: impl AsRef<[u8]>) {
        self.input.as_mut().unwrap().write_all(text.as_ref()).unwrap();
    }

    /// Closes standard input.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Writes `text` to standard input and waits for the process to end.
    pub(crate) fn ends_after(mut self, text: impl AsRef<[u8]>) -> Ended {
        // The process may end before it has read all of it.
        let _ = self.input.as_mut().unwrap().write_all(text.as_ref());
        self.ends()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_raw(self.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Kills the process, so it cannot send or print anything more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Closes standard input and waits for the process to end.
    pub(crate) fn ends(mut self) -> Ended {
        self.end_input();
        self.ends_by_itself()
    }

    /// Waits for the process to end while its standard input stays open.
    pub(crate) fn ends_by_itself(mut self) -> Ended {
        let mut status = None;
        poll_until("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        Ended { status: status.unwrap(), out: self.out.finish(), err: self.err.finish() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls `done` until it returns true. Panics after [`PATIENCE`].
pub(crate) fn poll_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "timed out waiting for {what}");
        thread::sleep(GLANCE);
    }
}

/// Captured output of a process, available while the process runs.
pub(crate) struct Stream {
    heard: Arc<Heard>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    bytes: Mutex<Vec<u8>>,
    more: Condvar,
}

impl Heard {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    pub(crate) fn watch(mut from: impl Read + Send + 'static) -> Self {
        let heard = Arc::new(Heard::default());
        let hearing = Arc::clone(&heard);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A pseudo-terminal reports its end as an error.
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                hearing.bytes().extend_from_slice(&buffer[..count]);
                hearing.more.notify_all();
            }
        });
        Self { heard, reader: Some(reader) }
    }

    /// Returns the output so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.bytes()).into_owned()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.heard.bytes().clone()
    }

    /// Waits until the output contains `wanted`.
    #[track_caller]
    pub(crate) fn wait_for(&self, wanted: &str) {
        self.wait_until(wanted, |text| text.contains(wanted));
    }

    /// Waits until `right` accepts the output so far and returns it.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, right: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        let mut bytes = self.heard.bytes();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if right(&text) {
                return text;
            }
            let left = PATIENCE.saturating_sub(begin.elapsed());
            assert!(!left.is_zero(), "timed out waiting for {what:?} in {text:?}");
            let waited = self.heard.more.wait_timeout(bytes, left);
            bytes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the whole output. The writer must have ended.
    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // Another child process may have inherited the other end for a moment.
            poll_until("the end of a stream", || reader.is_finished());
            reader.join().unwrap();
        }
        self.text()
    }
}

/// A server on a free port, and the file with its passphrase.
pub(crate) struct Room {
    pub(crate) serve: Process,
    pub(crate) port: u16,
    pub(crate) key: String,
}

impl Room {
    /// Starts `cmdchat serve` with the additional arguments `args`.
    pub(crate) fn open(args: &[&str]) -> Self {
        let key = key();
        let serve = ["serve", "127.0.0.1", "0", "--password-file", &key];
        let serve = Process::start(&mut cmdchat(&[&serve, args].concat()));
        let port = listening_port(&serve);
        Self { serve, port, key }
    }

    /// Returns the `cmdchat connect` command for this room as `name`.
    pub(crate) fn connect(&self, name: &str, args: &[&str]) -> Command {
        let port = self.port.to_string();
        let connect = ["connect", "127.0.0.1", &port, name, "--password-file", &self.key];
        cmdchat(&[&connect, args].concat())
    }

    /// Returns the `cmdchat connect` command that connects through the proxy `relay`.
    pub(crate) fn connect_through(
        &self,
        relay: &proxy::Proxy,
        name: &str,
        args: &[&str],
    ) -> Command {
        let port = relay.port.to_string();
        let connect = ["connect", "127.0.0.1", &port, name, "--password-file", &self.key];
        cmdchat(&[&connect, args].concat())
    }

    /// Starts a client behind a proxy and waits until it is a member.
    pub(crate) fn guest_behind_relay(&self, name: &str, args: &[&str]) -> (proxy::Proxy, Process) {
        let relay = proxy::Proxy::to(self.port);
        let member = Process::start_talking(&mut self.connect_through(&relay, name, args));
        member.out.wait_for("you are in");
        (relay, member)
    }

    /// Starts a client and waits until it is a member. It stays until its input ends.
    pub(crate) fn guest(&self, name: &str) -> Process {
        self.guest_with(name, &[])
    }

    /// Starts a client with the additional arguments `args` and waits until it is a
    /// member.
    pub(crate) fn guest_with(&self, name: &str, args: &[&str]) -> Process {
        let member = Process::start_talking(&mut self.connect(name, args));
        member.out.wait_for(" online: ");
        member
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Returns the port that `cmdchat serve` reports on stderr.
pub(crate) fn listening_port(serve: &Process) -> u16 {
    let text = serve
        .err
        .wait_until("listening on", |text| text.lines().any(|line| line.ends_with(" room)")));
    let line = text.lines().find_map(|line| line.strip_prefix("listening on ")).unwrap();
    let address = line.split(' ').next().unwrap();
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}
