//! Reads input events from the terminal.

use std::io;
use std::time::Duration;

use crate::ui::terminal::TerminalEvent;
#[cfg(unix)]
pub(crate) use unix::InputReader;

/// Returns an iterator that waits for resizes and job control signals.
///
/// # Errors
/// Returns an error if the signals cannot be handled.
#[cfg(unix)]
pub(crate) fn signal_events() -> io::Result<impl Iterator<Item = TerminalEvent>> {
    super::modes::job::events()
}

/// On other platforms the input contains the resizes.
#[cfg(not(unix))]
pub(crate) fn signal_events() -> io::Result<impl Iterator<Item = TerminalEvent>> {
    Ok(std::iter::empty())
}

#[cfg(unix)]
mod unix {
    use super::{Duration, TerminalEvent, io};

    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        io::{Errno, read},
        stdio::stdin,
    };
    use zeroize::Zeroizing;

    use crate::ui::terminal::decoder::InputDecoder;

    /// Reads standard input, without a buffer outside this type.
    #[derive(Default)]
    pub(crate) struct InputReader {
        decoder: InputDecoder,
        /// Time since the last byte, while the decoder waits for more.
        waited: Duration,
    }

    impl InputReader {
        /// Waits for an input event. Returns `None` if none arrives within `wait`.
        ///
        /// # Errors
        /// Returns an error if the terminal has gone or fails.
        pub(crate) fn next(&mut self, wait: Duration) -> io::Result<Option<TerminalEvent>> {
            if let Some(event) = self.decoder.poll_event() {
                return Ok(Some(event));
            }
            let timeout = self.decoder.timeout();
            let left = timeout.map(|timeout| timeout.saturating_sub(self.waited));
            let limit = left.map_or(wait, |left| left.min(wait));
            let has_read = self.read(limit)?;
            self.waited = if has_read { Duration::ZERO } else { self.waited + limit };
            if !has_read && timeout.is_some_and(|timeout| timeout <= self.waited) {
                self.waited = Duration::ZERO;
                self.decoder.expire();
            }
            Ok(self.decoder.poll_event())
        }

        /// Reads what arrives within `wait`. Returns whether it read anything.
        fn read(&mut self, wait: Duration) -> io::Result<bool> {
            let stdin = stdin();
            let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
            match poll(&mut ready, Timespec::try_from(wait).ok().as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                // A signal. Time has passed, but not all of it.
                Err(Errno::INTR) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
            let mut bytes = Zeroizing::new([0; 4096]);
            match read(stdin, &mut *bytes) {
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.decoder.feed(&bytes[..length]);
                    Ok(true)
                }
                Err(Errno::INTR | Errno::AGAIN) => Ok(true),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// Reads the console.
#[cfg(not(unix))]
#[derive(Default)]
pub(crate) struct InputReader;

#[cfg(not(unix))]
impl InputReader {
    /// Waits for an input event. Returns `None` if none arrives within `wait`, or if the
    /// event has no meaning here.
    ///
    /// # Errors
    /// Returns an error if the terminal fails.
    pub(crate) fn next(&mut self, wait: Duration) -> io::Result<Option<TerminalEvent>> {
        use crossterm::event::{self, Event};

        use crate::ui::{keymap::Action, layout::Size};

        if !event::poll(wait)? {
            return Ok(None);
        }
        Ok(match event::read()? {
            Event::Key(key) => Action::of(&key).map(TerminalEvent::Key),
            Event::Paste(text) => Some(TerminalEvent::Paste(zeroize::Zeroizing::new(text))),
            Event::Resize(columns, rows) => Some(TerminalEvent::Resized(Size { columns, rows })),
            Event::FocusGained => Some(TerminalEvent::Focus(true)),
            Event::FocusLost => Some(TerminalEvent::Focus(false)),
            Event::Mouse(_) => None,
        })
    }
}
