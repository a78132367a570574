//! Terminal modes, and the signals that stop and continue the process.

use std::{
    io::{self, Write as _},
    panic,
    sync::{
        Once,
        atomic::{AtomicU8, Ordering},
    },
};

use crate::ui::stdout::UnbufferedStdout;

/// The terminal modes set by this process. Static, because the panic hook reads it.
static ACTIVE: AtomicU8 = AtomicU8::new(NONE);
pub(super) const NONE: u8 = 0;
pub(super) const PLAIN: u8 = 1;
pub(super) const FULL: u8 = 2;

/// Erases the screen and moves the cursor to the first cell. Erases backwards from the
/// last cell, because tmux would move an alternate screen that it does not support
/// into the scrollback for `CSI 2 J`.
pub(super) const ERASE: &str = "\x1B[9999;9999H\x1B[1J\x1B[H";
/// Moves the cursor to the corner, and erases the screen and the scrollback.
const WIPE: &[u8] = b"\x1B[H\x1B[2J\x1B[3J";

/// Returns the sequences that enable and disable `modes`, apart from raw mode.
/// These are bracketed paste and, for the full screen, the alternate screen and
/// focus events, without automatic wrapping. The screen is erased on both sides,
/// because some terminals have no alternate screen and others keep its content.
fn switches(modes: u8) -> (String, String) {
    match modes {
        NONE => (String::new(), String::new()),
        PLAIN => ("\x1B[?2004h".into(), "\r\x1B[K\x1B[?2004l".into()),
        _ => (
            "\x1B[?1049h\x1B[H\x1B[2J\x1B[?7l\x1B[?2004h\x1B[?1004h".into(),
            format!("\x1B[0m{ERASE}\x1B[?1004l\x1B[?2004l\x1B[?7h\x1B[?25h\x1B[?1049l"),
        ),
    }
}

/// Takes over the terminal.
pub(super) fn take_over(modes: u8) -> io::Result<()> {
    raw::enable()?;
    ACTIVE.store(modes, Ordering::Relaxed);
    UnbufferedStdout.write_all(switches(modes).0.as_bytes())
}

/// Takes over the terminal again, in case another process has changed its modes while
/// this one was stopped.
pub(super) fn take_over_again() -> io::Result<()> {
    match ACTIVE.load(Ordering::Relaxed) {
        NONE => Ok(()),
        modes => take_over(modes),
    }
}

/// Restores the terminal, and returns the modes that this process had set. Ignores
/// errors, because nothing can be done about them.
pub(super) fn restore() -> u8 {
    let ours = ACTIVE.swap(NONE, Ordering::Relaxed);
    if ours != NONE {
        let _ = UnbufferedStdout.write_all(switches(ours).1.as_bytes());
        raw::disable();
    }
    ours
}

/// Restores the terminal and erases the screen and the scrollback.
pub(super) fn restore_and_wipe() {
    if restore() != NONE {
        let _ = UnbufferedStdout.write_all(WIPE);
    }
}

/// Restores the terminal as far as possible while another thread may be blocked in
/// writing to it. Discards output that the terminal has not taken.
#[cfg(unix)]
pub(crate) fn restore_forcibly() {
    use rustix::termios::{QueueSelector, tcflush};
    use std::{sync::mpsc, thread, time::Duration};

    let ours = ACTIVE.swap(NONE, Ordering::Relaxed);
    if ours == NONE {
        return;
    }
    raw::disable();
    let _ = tcflush(rustix::stdio::stdout(), QueueSelector::OFlush);
    let (written, wait) = mpsc::channel();
    thread::spawn(move || {
        let _ = UnbufferedStdout.write_all(switches(ours).1.as_bytes());
        let _ = written.send(());
    });
    let _ = wait.recv_timeout(Duration::from_millis(100));
}

/// Restores the terminal before a panic is reported.
pub(super) fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            next(info);
        }));
    });
}

/// Raw mode. The modes to restore are those of the first call of `enable` since the
/// last `disable`: a shell may have set its own while this process was stopped.
#[cfg(unix)]
mod raw {
    use std::{
        io,
        sync::{Mutex, PoisonError},
    };

    use rustix::{
        stdio::stdin,
        termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
    };

    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    pub(super) fn enable() -> io::Result<()> {
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut modes = match &*before {
            Some(modes) => modes.clone(),
            None => before.insert(tcgetattr(stdin())?).clone(),
        };
        drop(before);
        modes.make_raw();
        Ok(tcsetattr(stdin(), OptionalActions::Now, &modes)?)
    }

    pub(super) fn disable() {
        let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(modes) = before {
            let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
        }
    }
}

#[cfg(not(unix))]
mod raw {
    use std::io;

    pub(super) fn enable() -> io::Result<()> {
        crossterm::terminal::enable_raw_mode()
    }

    pub(super) fn disable() {
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Stopping and continuing by job control.
#[cfg(unix)]
pub(super) mod job {
    use std::{
        io, iter,
        sync::atomic::{AtomicBool, Ordering},
    };

    use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
    use signal_hook::{
        consts::{SIGCONT, SIGSTOP, SIGTSTP, SIGWINCH},
        iterator::Signals,
        low_level::raise,
    };

    use super::{NONE, restore, take_over};
    use crate::ui::terminal::{TerminalEvent, size};

    /// The next SIGTSTP comes from this process.
    static OWN_STOP: AtomicBool = AtomicBool::new(false);

    /// Stops this process and its process group until they are continued. The terminal
    /// has its previous state in the meantime. Does nothing without a shell that could
    /// continue them.
    pub(in crate::ui::terminal) fn suspend() -> io::Result<()> {
        // A group that contains the session leader has nobody to continue it.
        if getsid(None)? == getpgrp() {
            return Ok(());
        }
        let ours = restore();
        if ours == NONE {
            return Ok(());
        }
        OWN_STOP.store(true, Ordering::Relaxed);
        kill_current_process_group(Signal::TSTP)?;
        // SIGTSTP has a handler here. This stops the thread before the next statement.
        raise(SIGSTOP)?;
        take_over(ours)
    }

    /// Handles resizes, and stops and continuations by another process. Returns an
    /// iterator that waits for the next one.
    pub(in crate::ui::terminal) fn events() -> io::Result<impl Iterator<Item = TerminalEvent>> {
        let mut signals = Signals::new([SIGWINCH, SIGTSTP, SIGCONT])?;
        let forever = iter::repeat_with(move || signals.wait().collect::<Vec<_>>()).flatten();
        Ok(forever.filter_map(|signal| match signal {
            SIGWINCH => Some(TerminalEvent::Resized(size())),
            SIGTSTP if OWN_STOP.swap(false, Ordering::Relaxed) => None,
            SIGTSTP => Some(TerminalEvent::Suspend),
            _ => Some(TerminalEvent::Continued),
        }))
    }
}
