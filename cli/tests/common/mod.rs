//! The program as a person or a script meets it: processes, their streams, and
//! how they end.

#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]
#![allow(clippy::disallowed_methods, reason = "processes run in real time")]

#[cfg(target_os = "linux")]
pub(crate) mod memory;
pub(crate) mod proxy;
#[cfg(target_os = "linux")]
pub(crate) mod pty;
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

/// All that this build has.
pub(crate) const RUNTIMES: &[&str] = &[
    #[cfg(feature = "smol")]
    "smol",
    #[cfg(feature = "blocking")]
    "blocking",
];

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that cannot be waited for.
const GLANCE: Duration = Duration::from_millis(10);

/// The program, with nothing in its environment that concerns it.
pub(crate) fn cmdchat(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmdchat"));
    tidy(command.args(args));
    command
}

/// A shell that finds the program as `$0` and `args` as `$@`.
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

/// A file that holds `text` and that only its owner can read.
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

/// A file with the password.
pub(crate) fn key() -> String {
    file(PASSWORD.as_bytes()).into_os_string().into_string().unwrap()
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    Process::start(command).ends()
}

/// How a process ended, and what it wrote.
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

    /// It ended with `code`, and these were all its words on stderr.
    pub(crate) fn says(&self, code: i32, words: &str) {
        assert_eq!((self.code(), self.err.trim_end()), (Some(code), words), "stdout: {}", self.out);
    }

    /// It ended with 0 and without a complaint.
    pub(crate) fn is_success(&self) {
        assert_eq!((self.code(), self.err.as_str()), (Some(0), ""), "stdout: {}", self.out);
    }

    /// What others said, without the times, in order.
    pub(crate) fn said_by(&self, name: &str) -> Vec<String> {
        said_by(&self.out, name)
    }
}

/// What `name` said in `text`, without the times, in order.
pub(crate) fn said_by(text: &str, name: &str) -> Vec<String> {
    let head = format!("<{name}> ");
    let said = |line: &str| line.get(9..).and_then(|rest| rest.strip_prefix(&head)).map(Into::into);
    text.lines().filter_map(said).collect()
}

/// The program, running. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    pub(crate) out: Stream,
    pub(crate) err: Stream,
}

impl Process {
    /// Starts `command`, whose output is watched from now on.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Stream::watch(child.stdout.take().unwrap());
        let err = Stream::watch(child.stderr.take().unwrap());
        Self { input: child.stdin.take(), child, out, err }
    }

    /// The same with standard input to write to.
    pub(crate) fn start_talking(command: &mut Command) -> Self {
        Self::start(command.stdin(Stdio::piped()))
    }

    /// Writes to standard input.
    pub(crate) fn types(&mut self, text: impl AsRef<[u8]>) {
        self.input.as_mut().unwrap().write_all(text.as_ref()).unwrap();
    }

    /// Nothing more is typed.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Types `text` and waits for the end.
    pub(crate) fn ends_after(mut self, text: impl AsRef<[u8]>) -> Ended {
        // Not all of it may be wanted.
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

    /// Ends it with no chance to say anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends its input and waits for the end.
    pub(crate) fn ends(mut self) -> Ended {
        self.end_input();
        self.ends_by_itself()
    }

    /// Waits for an end for which the input gives no reason.
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

/// Looks again and again until `done`.
pub(crate) fn poll_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(GLANCE);
    }
}

/// What a process writes, as it comes.
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
            // An error is the end too: that of a pseudo-terminal.
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                hearing.bytes().extend_from_slice(&buffer[..count]);
                hearing.more.notify_all();
            }
        });
        Self { heard, reader: Some(reader) }
    }

    /// All that came so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.bytes()).into_owned()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.heard.bytes().clone()
    }

    /// Waits until `wanted` has been written.
    #[track_caller]
    pub(crate) fn wait_for(&self, wanted: &str) {
        self.wait_until(wanted, |text| text.contains(wanted));
    }

    /// Waits until what was written is right; gives it back.
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
            assert!(!left.is_zero(), "waited in vain for {what:?} in {text:?}");
            let waited = self.heard.more.wait_timeout(bytes, left);
            bytes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All of it, now that the writer is gone.
    fn finish(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // Somebody else may have inherited the other end for a moment.
            poll_until("the end of a stream", || reader.is_finished());
            reader.join().unwrap();
        }
        self.text()
    }
}

/// A server on a port of its own, and the file with its password.
pub(crate) struct Room {
    pub(crate) serve: Process,
    pub(crate) port: u16,
    pub(crate) key: String,
}

impl Room {
    /// Opens a room; `args` are further ones of `cmdchat serve`.
    pub(crate) fn open(args: &[&str]) -> Self {
        let key = key();
        let serve = ["serve", "127.0.0.1", "0", "--password-file", &key];
        let serve = Process::start(&mut cmdchat(&[&serve, args].concat()));
        let port = listening_port(&serve);
        Self { serve, port, key }
    }

    /// `cmdchat connect` to this room as `name`.
    pub(crate) fn connect(&self, name: &str, args: &[&str]) -> Command {
        let port = self.port.to_string();
        let connect = ["connect", "127.0.0.1", &port, name, "--password-file", &self.key];
        cmdchat(&[&connect, args].concat())
    }

    /// The same over a relay.
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

    /// Somebody who is in, with a relay on the way.
    pub(crate) fn guest_behind_relay(&self, name: &str, args: &[&str]) -> (proxy::Proxy, Process) {
        let relay = proxy::Proxy::to(self.port);
        let guest = Process::start_talking(&mut self.connect_through(&relay, name, args));
        guest.out.wait_for("you are in");
        (relay, guest)
    }

    /// Somebody who is in, and stays until the input ends.
    pub(crate) fn guest(&self, name: &str) -> Process {
        self.guest_with(name, &[])
    }

    /// The same with further arguments.
    pub(crate) fn guest_with(&self, name: &str, args: &[&str]) -> Process {
        let guest = Process::start_talking(&mut self.connect(name, args));
        guest.out.wait_for(" online: ");
        guest
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// The port that `cmdchat serve` says it listens at.
pub(crate) fn listening_port(serve: &Process) -> u16 {
    let text = serve
        .err
        .wait_until("listening on", |text| text.lines().any(|line| line.ends_with(" room)")));
    let line = text.lines().find_map(|line| line.strip_prefix("listening on ")).unwrap();
    let address = line.split(' ').next().unwrap();
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}
