//! What a person types, or a pipe brings, as it comes.

use std::{
    io::{self, BufRead, Read as _},
    thread,
    time::Duration,
};

use async_channel::Sender;
use zeroize::Zeroizing;

use crate::{
    session::InputSource,
    ui::terminal::{self, TerminalEvent},
};

/// The longest line of a pipe that is kept, in bytes: more than any message may
/// have, were each of its bytes written `\u1234`, so that one that is too long
/// is told from one that fits.
const LONGEST: usize = 128 << 10;
/// How often a thread that waits for keys looks whether anybody still wants them.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// One thing that was typed.
#[derive(Debug)]
pub enum InputEvent {
    /// A key, a paste or a new size, at a live terminal.
    Input(TerminalEvent),
    /// A line of a pipe, or of a terminal that edits lines itself.
    Line(Zeroizing<String>),
    /// The end of input.
    End,
}

/// Reads standard input on a thread of its own, until it ends or nobody listens.
///
/// # Errors
///
/// The thread cannot be started.
pub fn spawn_reader(source: InputSource, typing: Sender<InputEvent>) -> io::Result<()> {
    let listen = move || {
        let ended = match source {
            InputSource::Keys => keys(&typing),
            InputSource::Lines | InputSource::Pipe => lines(&mut io::stdin().lock(), &typing),
        };
        if ended.is_ok() {
            let _ = typing.send_blocking(InputEvent::End);
        }
    };
    thread::Builder::new().name("keyboard".into()).spawn(listen).map(drop)
}

/// Nobody listens any more.
struct Disconnected;

fn send(typing: &Sender<InputEvent>, typed: InputEvent) -> Result<(), Disconnected> {
    typing.send_blocking(typed).map_err(|_| Disconnected)
}

fn keys(typing: &Sender<InputEvent>) -> Result<(), Disconnected> {
    while !typing.is_closed() {
        match terminal::input(POLL_INTERVAL) {
            Ok(Some(input)) => send(typing, InputEvent::Input(input))?,
            Ok(None) => {}
            Err(_) => return Ok(()),
        }
    }
    Err(Disconnected)
}

/// Each line, and a last one without its end. Bytes that are not UTF-8 become
/// U+FFFD; what is beyond [`LONGEST`] of one line is passed over.
fn lines(input: &mut impl BufRead, typing: &Sender<InputEvent>) -> Result<(), Disconnected> {
    let mut line = Zeroizing::new(Vec::new());
    loop {
        line.clear();
        let read = input.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            return Ok(());
        }
        let whole = line.pop_if(|last| *last == b'\n').is_some();
        if !whole && line.len() == LONGEST {
            let _ = input.skip_until(b'\n');
        }
        line.pop_if(|last| *last == b'\r');
        let text = Zeroizing::new(String::from_utf8_lossy(&line).into_owned());
        send(typing, InputEvent::Line(text))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut input: &[u8]) -> Vec<String> {
        let (typing, typed) = async_channel::unbounded();
        assert!(lines(&mut input, &typing).is_ok());
        drop(typing);
        let mut lines = Vec::new();
        while let Ok(InputEvent::Line(line)) = typed.try_recv() {
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
        let mut input = vec![b'x'; 10 * LONGEST];
        input.extend_from_slice(b"\nnext\n");
        let lines = read(&input);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LONGEST, 4]);
    }
}
