//! The program at a terminal that a test holds the other end of.

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
        InputModes, OptionalActions, SpecialCodeIndex, Winsize, tcgetattr, tcsetattr, tcsetwinsize,
    },
};

use super::{Stream, poll_until};

/// The program, running at a terminal. Killed when dropped.
pub(crate) struct PtyProcess {
    child: Child,
    keys: File,
    /// What was written on the terminal.
    pub(crate) screen: Stream,
    /// The modes it had when the program began.
    before: String,
}

impl PtyProcess {
    /// Starts `command` at a terminal.
    pub(crate) fn take(command: &mut Command) -> Self {
        let (ours, theirs) = Self::terminal();
        let [input, output] = [(); 2].map(|()| theirs.try_clone().unwrap());
        Self::start(command.stdin(input).stdout(output).stderr(theirs), ours)
    }

    /// The same with other input than what is typed.
    pub(crate) fn take_with_input(command: &mut Command, input: File) -> Self {
        let (ours, theirs) = Self::terminal();
        let output = theirs.try_clone().unwrap();
        Self::start(command.stdin(input).stdout(output).stderr(theirs), ours)
    }

    /// Starts a command of [`cmdchat_apart`](super::session::cmdchat_apart) at a
    /// terminal that is its own: one to ask on. The system resets such a
    /// terminal with the end of the program.
    pub(crate) fn take_alone(command: &mut Command) -> Self {
        let (ours, theirs) = Self::terminal();
        Self::start(command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null()), ours)
    }

    /// Both ends of a terminal of 80 columns.
    fn terminal() -> (File, OwnedFd) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).unwrap();
        // Not what every terminal begins with: a person's own choice.
        let mut modes = tcgetattr(&ours).unwrap();
        modes.input_modes |= InputModes::IUTF8 | InputModes::IXANY;
        modes.special_codes[SpecialCodeIndex::VERASE] = 8;
        tcsetattr(&ours, OptionalActions::Now, &modes).unwrap();

        let path = ptsname(&ours, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(path, flags, Mode::empty()).unwrap();
        (File::from(ours), theirs)
    }

    fn start(command: &mut Command, keys: File) -> Self {
        let before = modes(&keys);
        let child = command.spawn().unwrap();
        // It holds their end of the terminal, which is to end with the program.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let screen = Stream::watch(keys.try_clone().unwrap());
        Self { child, keys, screen, before }
    }

    /// Presses keys.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives the window another size. Only a terminal that is the program's own
    /// would tell it, so that is done here.
    pub(crate) fn resizes(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keys, size).unwrap();
        self.signal(Signal::WINCH);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// The modes of the terminal are what they were before the program began.
    pub(crate) fn is_as_before(&self) -> bool {
        modes(&self.keys) == self.before
    }

    /// Waits for the end: its code, and all that was written. The modes of the
    /// terminal must be what they were.
    pub(crate) fn leaves(self) -> (Option<i32>, String) {
        let keys = self.keys.try_clone().unwrap();
        let before = self.before.clone();
        let (code, text) = self.ends();
        assert_eq!(modes(&keys), before);
        (code, text)
    }

    /// Waits for the end: its code, and all that was written.
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        let mut status = None;
        poll_until("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap().code(), self.screen.finish())
    }
}

/// All modes of a terminal, in words.
fn modes(terminal: &File) -> String {
    format!("{:?}", tcgetattr(terminal).unwrap())
}

impl Drop for PtyProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
