//! The program at a pseudo-terminal whose other end the test holds.

use std::{
    fs::File,
    io::Write as _,
    process::{Child, Command, Stdio},
};

use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{
        InputModes, OptionalActions, SpecialCodeIndex, Termios, Winsize, tcgetattr, tcsetattr,
        tcsetwinsize,
    },
};

use super::{Stream, poll_until};

/// The program, running at a pseudo-terminal. Killed when dropped.
pub(crate) struct PtyProcess {
    child: Child,
    keys: File,
    /// Output that the program wrote to the terminal.
    pub(crate) screen: Stream,
    /// Modes of the terminal before the program started.
    before: Termios,
}

impl PtyProcess {
    /// Starts `command` at a terminal.
    pub(crate) fn take(command: &mut Command) -> Self {
        Self::take_sized(command, 80, 24)
    }

    /// Starts `command` at a terminal of this size.
    pub(crate) fn take_sized(command: &mut Command, columns: u16, rows: u16) -> Self {
        let (ours, theirs) = Self::terminal();
        set_size(&ours, columns, rows);
        let [input, output] = [(); 2].map(|()| theirs.try_clone().unwrap());
        Self::start(command.stdin(input).stdout(output).stderr(theirs), ours)
    }

    /// Starts `command` at a terminal that nobody reads, and returns the other end.
    pub(crate) fn take_unread(command: &mut Command) -> (Child, File) {
        let (ours, theirs) = Self::terminal();
        let [input, output] = [(); 2].map(|()| theirs.try_clone().unwrap());
        let child = command.stdin(input).stdout(output).stderr(theirs).spawn().unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        (child, ours)
    }

    /// Starts `command` at a terminal, with `input` as its standard input.
    pub(crate) fn take_with_input(command: &mut Command, input: File) -> Self {
        let (ours, theirs) = Self::terminal();
        let output = theirs.try_clone().unwrap();
        Self::start(command.stdin(input).stdout(output).stderr(theirs), ours)
    }

    /// Starts a command of [`cmdchat_apart`](super::session::cmdchat_apart) at its
    /// controlling terminal, so the program can prompt there. The system resets
    /// such a terminal when the program ends.
    pub(crate) fn take_alone(command: &mut Command) -> Self {
        let (ours, theirs) = Self::terminal();
        Self::start(command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null()), ours)
    }

    /// Opens a terminal of 80 columns and returns both ends.
    fn terminal() -> (File, OwnedFd) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let ours = File::from(ours);
        set_size(&ours, 80, 24);
        // These modes differ from the defaults, as if the user had set them.
        let mut modes = tcgetattr(&ours).unwrap();
        modes.input_modes |= InputModes::IUTF8 | InputModes::IXANY;
        modes.special_codes[SpecialCodeIndex::VERASE] = 8;
        tcsetattr(&ours, OptionalActions::Now, &modes).unwrap();

        let path = ptsname(&ours, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(path, flags, Mode::empty()).unwrap();
        (ours, theirs)
    }

    fn start(command: &mut Command, keys: File) -> Self {
        let before = tcgetattr(&keys).unwrap();
        let child = command.spawn().unwrap();
        // `command` holds the program's end of the terminal. That end must close when the
        // program ends, so drop it here.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let screen = Stream::watch(keys.try_clone().unwrap());
        Self { child, keys, screen, before }
    }

    /// Types `keys` at the terminal.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resizes the window. The system signals a resize only at a controlling
    /// terminal, so this method sends the signal.
    pub(crate) fn resizes(&self, columns: u16, rows: u16) {
        set_size(&self.keys, columns, rows);
        self.signal(Signal::WINCH);
    }

    /// Resizes the window without a signal.
    pub(crate) fn resizes_silently(&self, columns: u16, rows: u16) {
        set_size(&self.keys, columns, rows);
    }

    /// Returns the child process of this process.
    pub(crate) fn only_child(&self) -> Pid {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        Pid::from_raw(children.trim().parse().unwrap()).unwrap()
    }

    /// Sets the modes that the terminal had before the program started, as a shell does.
    pub(crate) fn resets_modes(&self) {
        tcsetattr(&self.keys, OptionalActions::Now, &self.before).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// Returns true if the terminal modes are the same as before the program started.
    pub(crate) fn is_as_before(&self) -> bool {
        modes(&self.keys) == format!("{:?}", self.before)
    }

    /// Waits for the program to end and returns its exit code and its output.
    /// Asserts that the terminal modes are restored.
    pub(crate) fn leaves(self) -> (Option<i32>, String) {
        let keys = self.keys.try_clone().unwrap();
        let before = format!("{:?}", self.before);
        let (code, text) = self.ends();
        assert_eq!(modes(&keys), before);
        (code, text)
    }

    /// Waits for the program to end and returns its exit code and its output.
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        let mut status = None;
        poll_until("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap().code(), self.screen.finish())
    }
}

fn set_size(terminal: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

/// Returns all modes of a terminal as text.
fn modes(terminal: &File) -> String {
    format!("{:?}", tcgetattr(terminal).unwrap())
}

impl Drop for PtyProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
