//! Input events from the keyboard or a pipe.

use std::{
    io::{self, BufRead, Read as _},
    thread,
    time::Duration,
};

use async_channel::Sender;
use zeroize::Zeroizing;

use crate::{
    session::InputSource,
    ui::terminal::{InputReader, TerminalEvent, signal_events},
};

/// Maximum length of a kept line, in bytes. It exceeds the longest message even if
/// each byte is written as `\u1234`, so that an overlong message is recognized.
const MAX_LINE: usize = 128 << 10;
/// Interval at which the keyboard thread checks whether its receiver still exists.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// One input event.
#[derive(Debug)]
pub enum InputEvent {
    /// A key, a paste, a resize or a focus change, from an interactive terminal.
    Input(TerminalEvent),
    /// A line from a pipe, or from a terminal that does its own line editing.
    Line(Zeroizing<String>),
    /// The end of input.
    End,
}

/// Starts a thread that reads standard input until its end, or until the receiver
/// is dropped. At an interactive terminal, another one waits for its signals.
///
/// # Errors
///
/// Returns an error if a thread cannot be started.
pub fn spawn_reader(source: InputSource, events: Sender<InputEvent>) -> io::Result<()> {
    if source == InputSource::Keys {
        let (mut signals, events) = (signal_events()?, events.clone());
        let forward = move || signals.try_for_each(|event| send(&events, InputEvent::Input(event)));
        thread::Builder::new().name("terminal signals".into()).spawn(forward)?;
    }
    let read = move || {
        let ended = match source {
            InputSource::Keys => keys(&events),
            InputSource::Lines | InputSource::Pipe => lines(&mut io::stdin().lock(), &events),
        };
        if ended.is_ok() {
            let _ = events.send_blocking(InputEvent::End);
        }
    };
    thread::Builder::new().name("keyboard".into()).spawn(read).map(drop)
}

/// The receiver was dropped.
struct Disconnected;

fn send(events: &Sender<InputEvent>, event: InputEvent) -> Result<(), Disconnected> {
    events.send_blocking(event).map_err(|_| Disconnected)
}

fn keys(events: &Sender<InputEvent>) -> Result<(), Disconnected> {
    let mut reader = InputReader::default();
    while !events.is_closed() {
        match reader.next(POLL_INTERVAL) {
            Ok(Some(input)) => send(events, InputEvent::Input(input))?,
            Ok(None) => {}
            Err(_) => return Ok(()),
        }
    }
    Err(Disconnected)
}

/// Sends each line, including a last one without a newline. Invalid UTF-8 becomes
/// U+FFFD. Bytes of a line beyond [`MAX_LINE`] are skipped.
fn lines(input: &mut impl BufRead, events: &Sender<InputEvent>) -> Result<(), Disconnected> {
    let mut line = Zeroizing::new(Vec::new());
    loop {
        line.clear();
        let read = input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            return Ok(());
        }
        let complete = line.pop_if(|last| *last == b'\n').is_some();
        if !complete && line.len() == MAX_LINE {
            let _ = input.skip_until(b'\n');
        }
        line.pop_if(|last| *last == b'\r');
        let text = Zeroizing::new(String::from_utf8_lossy(&line).into_owned());
        send(events, InputEvent::Line(text))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut input: &[u8]) -> Vec<String> {
        let (events, received) = async_channel::unbounded();
        assert!(lines(&mut input, &events).is_ok());
        drop(events);
        let mut lines = Vec::new();
        while let Ok(InputEvent::Line(line)) = received.try_recv() {
            lines.push(line.to_string());
        }
        lines
    }

    #[test]
    fn last_input_line_needs_no_newline() {
        assert_eq!(read(b"a\nb\r\n\nlast"), ["a", "b", "", "last"]);
        assert_eq!(read(b""), [""; 0]);
        assert_eq!(read(b"\xff\n"), ["\u{fffd}"]);
    }

    #[test]
    fn endless_input_line_is_truncated() {
        let mut input = vec![b'x'; 10 * MAX_LINE];
        input.extend_from_slice(b"\nnext\n");
        let lines = read(&input);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [MAX_LINE, 4]);
    }
}
