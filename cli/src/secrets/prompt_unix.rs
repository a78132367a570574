//! The prompt on the terminal device.

use crate::safe;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::{emulate_default_handler, unregister};
use zeroize::Zeroizing;

use crate::error::{Error, ExitStatus, io_reason};
use crate::secrets::Bytes;
use crate::secrets::prompt::{Prompt, PromptKey, PromptState};

fn terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

pub(super) fn can_ask() -> bool {
    terminal().is_ok()
}

/// Prompts at the terminal device, even if standard input is redirected.
pub(super) fn ask(line: Prompt) -> Result<Bytes, Error> {
    let Ok(tty) = terminal() else {
        return Err(Error::no_secret());
    };
    let signals = Signals::watch();
    let answer = NoEcho::new(&tty).and_then(|_quiet| converse(&tty, line, &signals));
    let signal = signals.seen();
    drop(signals);
    if signal != 0 && signal != SIGINT {
        let _ = emulate_default_handler(signal);
    }
    match answer {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Error::interrupted()),
        Err(error) => {
            let what = safe!["cannot use the terminal: ", io_reason(&error)];
            Err(Error::new(ExitStatus::NoTerminal, what))
        }
    }
}

/// Runs the prompt and returns the typed line, or `None` if the user cancels.
fn converse(mut tty: &File, mut line: Prompt, signals: &Signals) -> io::Result<Option<Bytes>> {
    let mut keys = Keys::default();
    let mut typed = PromptState::More;
    loop {
        let columns = tcgetwinsize(tty).map_or(0, |size| usize::from(size.ws_col));
        let columns = if columns == 0 { 80 } else { columns };
        tty.write_all(line.draw(columns).as_bytes())?;
        if typed != PromptState::More {
            tty.write_all(b"\n")?;
            return Ok((typed == PromptState::Done).then(|| line.into_bytes()));
        }
        let key = loop {
            match next(tty, signals)? {
                KeyInput::Byte(byte) => {
                    if let Some(key) = keys.key(byte) {
                        break key;
                    }
                }
                KeyInput::Pause => keys = Keys::default(),
                KeyInput::End => break PromptKey::Cancel,
            }
        };
        typed = line.press(key);
    }
}

enum KeyInput {
    Byte(u8),
    /// No input for 100 ms, which ends an incomplete key sequence.
    Pause,
    End,
}

/// Reads a single byte, because later input belongs to the program.
fn next(mut tty: &File, signals: &Signals) -> io::Result<KeyInput> {
    let mut wait = [PollFd::new(tty, PollFlags::IN)];
    let tenth = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let ready = match poll(&mut wait, Some(&tenth)) {
        Ok(ready) => ready,
        Err(rustix::io::Errno::INTR) => 0,
        Err(error) => return Err(error.into()),
    };
    if signals.seen() != 0 {
        return Ok(KeyInput::End);
    }
    if ready == 0 {
        return Ok(KeyInput::Pause);
    }
    let mut byte = Zeroizing::new([0]);
    Ok(match tty.read(&mut *byte)? {
        0 => KeyInput::End,
        _ => KeyInput::Byte(byte[0]),
    })
}

/// Decoder from terminal bytes to keys. Discards the sequences of other keys.
#[derive(Default)]
struct Keys {
    state: State,
    letter: Zeroizing<Vec<u8>>,
}

#[derive(Default, Clone, Copy)]
enum State {
    #[default]
    Text,
    Escape,
    Sequence,
}

impl Keys {
    fn key(&mut self, byte: u8) -> Option<PromptKey> {
        match (self.state, byte) {
            (State::Text, 0x1B) => self.state = State::Escape,
            (State::Escape, b'[' | b'O') => self.state = State::Sequence,
            (State::Escape, _) | (State::Sequence, 0x40..=0x7E) => self.state = State::Text,
            (State::Sequence, _) => {}
            (State::Text, _) => return self.text(byte),
        }
        None
    }

    fn text(&mut self, byte: u8) -> Option<PromptKey> {
        match byte {
            b'\r' | b'\n' => Some(PromptKey::Enter),
            0x03 | 0x04 => Some(PromptKey::Cancel),
            0x08 | 0x7F => Some(PromptKey::Backspace),
            b'\t' => Some(PromptKey::Complete),
            0x14 => Some(PromptKey::ShowOrHide),
            0x15 => Some(PromptKey::Clear),
            0..=0x1F => None,
            _ => {
                self.letter.push(byte);
                let letter = std::str::from_utf8(&self.letter);
                let key = letter.ok().and_then(|text| text.chars().next()).map(PromptKey::Letter);
                let hopeless = letter.is_err_and(|error| error.error_len().is_some());
                if key.is_some() || hopeless {
                    self.letter.clear();
                }
                key
            }
        }
    }
}

/// RAII guard that disables echo and line editing of the terminal.
struct NoEcho<'a> {
    tty: &'a File,
    before: Termios,
}

impl<'a> NoEcho<'a> {
    fn new(tty: &'a File) -> io::Result<Self> {
        let before = tcgetattr(tty)?;
        let mut modes = before.clone();
        modes.local_modes -=
            LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        modes.input_modes -= InputModes::IXON;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        let quiet = Self { tty, before };
        tcsetattr(tty, OptionalActions::Drain, &modes)?;
        Ok(quiet)
    }
}

impl Drop for NoEcho<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, OptionalActions::Drain, &self.before);
    }
}

/// Handlers for signals that would end the program with echo still disabled.
struct Signals {
    seen: Arc<AtomicUsize>,
    ids: Vec<signal_hook::SigId>,
}

impl Signals {
    fn watch() -> Self {
        let seen = Arc::new(AtomicUsize::new(0));
        let watch = |signal: i32| {
            let number = usize::try_from(signal).ok()?;
            signal_hook::flag::register_usize(signal, Arc::clone(&seen), number).ok()
        };
        let ids = [SIGINT, SIGTERM, SIGHUP].into_iter().filter_map(watch).collect();
        Self { seen, ids }
    }

    /// Returns the last signal received, or 0.
    fn seen(&self) -> i32 {
        i32::try_from(self.seen.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            unregister(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &str) -> String {
        let mut keys = Keys::default();
        let key = |key| match key {
            PromptKey::Letter(letter) => letter,
            PromptKey::Backspace => '<',
            PromptKey::Clear => '-',
            PromptKey::ShowOrHide => '?',
            PromptKey::Complete => '>',
            PromptKey::Enter => '!',
            PromptKey::Cancel => '#',
        };
        bytes.bytes().filter_map(|byte| keys.key(byte)).map(key).collect()
    }

    #[test]
    fn bytes_decode_to_prompt_keys() {
        assert_eq!(typed("aä日👍\u{7F}\u{8}\u{14}\u{15}\t\r\u{3}"), "aä日👍<<?->!#");
        assert_eq!(typed("a\u{1B}[Ab\u{1B}[1;5Cc\u{1B}OPd\u{1B}xe\u{1A}\u{1}"), "abcde");
    }

    #[test]
    fn invalid_utf8_keys_are_skipped() {
        let mut keys = Keys::default();
        let letters = b"\xFF\xC3(a\xE6\x97".iter().filter_map(|&byte| keys.key(byte)).count();
        assert_eq!(letters, 1);
    }
}
