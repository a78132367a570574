//! The Python reference peer: its environment and its processes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// Environment variable set by CI: without Python the tests fail instead of being skipped.
const REQUIRED: &str = "CMDCHAT_REQUIRE_PYTHON";
/// Timeout for every step, longer than any step takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A Python interpreter with pysrp and cryptography installed.
#[derive(Debug)]
pub struct Python {
    interpreter: PathBuf,
    scripts: PathBuf,
}

impl Python {
    /// Returns the environment, which is created on first use. Returns `None`, with a
    /// message, if there is no `python3` or no package index.
    ///
    /// # Panics
    ///
    /// Panics if there is none and `CMDCHAT_REQUIRE_PYTHON` is set.
    #[must_use]
    pub fn get() -> Option<&'static Self> {
        static PYTHON: OnceLock<Option<Python>> = OnceLock::new();
        PYTHON
            .get_or_init(|| match Self::make() {
                Ok(python) => Some(python),
                Err(why) => {
                    assert!(std::env::var_os(REQUIRED).is_none(), "no Python peer: {why}");
                    eprintln!("\n*** SKIPPED: no interop with Python was tested: {why} ***\n");
                    None
                }
            })
            .as_ref()
    }

    fn make() -> Result<Self, String> {
        let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let scripts = tests.join("python");
        let home = tests.join("../target/python-peer");
        fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        // Several test programs may run this at the same time.
        let lock = fs::File::create(home.join("lock")).map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;

        let wanted = fs::read_to_string(scripts.join("requirements.txt"))
            .map_err(|error| error.to_string())?;
        let environment = home.join("venv");
        let interpreter = environment.join("bin/python");
        let installed = home.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) && interpreter.exists() {
            return Ok(Self { interpreter, scripts });
        }
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let requirements = scripts.join("requirements.txt");
        run(Command::new(&interpreter)
            .args(["-m", "pip", "install", "-q", "-r"])
            .arg(requirements))?;
        fs::write(installed, wanted).map_err(|error| error.to_string())?;
        Ok(Self { interpreter, scripts })
    }

    /// Starts a server with this password on its own port, and returns both.
    ///
    /// # Panics
    ///
    /// Panics if the server does not start.
    #[must_use]
    pub fn serve(&self, password: &str) -> (PythonPeer, u16) {
        let peer = self.start(&["server", "--password-hex", &hex(password)]);
        let listening = peer.expect("listening");
        let port =
            listening.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        (peer, port.expect("a port"))
    }

    /// Starts a client; the result of its login is its first event.
    #[must_use]
    pub fn connect(&self, port: u16, name: &str, password: &str) -> PythonPeer {
        self.start(&[
            "client",
            "127.0.0.1",
            &port.to_string(),
            name,
            "--password-hex",
            &hex(password),
        ])
    }

    /// Runs `count` complete logins in sequence and returns their results.
    ///
    /// # Panics
    ///
    /// Panics if the peer does not report the results.
    #[must_use]
    pub fn handshakes(&self, port: u16, password: &str, count: usize) -> Value {
        let (port, count) = (port.to_string(), count.to_string());
        let peer = self.start(&[
            "handshakes",
            "127.0.0.1",
            &port,
            "--password-hex",
            &hex(password),
            "--count",
            &count,
        ]);
        let line = peer.events.recv_timeout(Duration::from_secs(600)).expect("the handshakes end");
        assert_eq!(line.get("event"), Some(&json!("handshakes")), "{line}");
        line
    }

    fn start(&self, arguments: &[&str]) -> PythonPeer {
        let mut process = Command::new(&self.interpreter)
            .arg(self.scripts.join("peer.py"))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event =
                    serde_json::from_str(&line).unwrap_or_else(|_| json!({ "garbage": line }));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let commands = process.stdin.take();
        PythonPeer { process, commands, events }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// One process of the reference peer. It ends when the value is dropped.
#[derive(Debug)]
pub struct PythonPeer {
    process: Child,
    commands: Option<ChildStdin>,
    events: Receiver<Value>,
}

impl PythonPeer {
    /// Returns the next event.
    ///
    /// # Panics
    ///
    /// Panics if no event arrives.
    #[must_use]
    pub fn says(&self) -> Value {
        self.events.recv_timeout(PATIENCE).expect("the Python peer says something")
    }

    /// Returns the next event, which must be of type `kind`.
    ///
    /// # Panics
    ///
    /// Panics if it is of another type.
    #[must_use]
    pub fn expect(&self, kind: &str) -> Value {
        let event = self.says();
        assert_eq!(event.get("event"), Some(&json!(kind)), "{event}");
        event
    }

    /// Sends a command to the peer; see `tests/python/README.md`.
    ///
    /// # Panics
    ///
    /// Panics if the peer has ended.
    pub fn command(&mut self, command: &Value) {
        let commands = self.commands.as_mut().expect("the peer has not been told to leave");
        writeln!(commands, "{command}").expect("the peer is there");
    }
}

impl Drop for PythonPeer {
    fn drop(&mut self) {
        drop(self.commands.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
