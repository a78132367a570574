//! Secret input on systems without inherited descriptors and re-exec.

use crate::safe;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::process::Command;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode, size};

use crate::args::ReexecArgs;
use crate::error::{Error, ExitStatus, reason};
use crate::secrets::Bytes;
use crate::secrets::prompt::{Prompt, PromptKey, PromptState};
use crate::text::SafeText;

pub(super) fn open(_fd: u32) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Standard input through the buffer of the standard library, so that no input is
/// lost.
pub(super) struct Stdin;

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::stdin().read(buffer)
    }
}

pub(super) fn is_open_to_others(_file: &File) -> io::Result<bool> {
    Ok(false)
}

pub(super) fn shell(command: &OsStr) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").arg(command);
    shell
}

pub(super) fn start_again(_password: &[u8], _again: &ReexecArgs) {}

pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

pub(super) fn ask(line: Prompt) -> Result<Bytes, Error> {
    if !can_ask() {
        return Err(Error::no_secret());
    }
    let answer = NoEcho::new().and_then(|_quiet| converse(line));
    match answer {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(Error::interrupted()),
        Err(error) => {
            let what = safe!["cannot use the terminal: ", reason(&error)];
            Err(Error::new(ExitStatus::NoTerminal, what))
        }
    }
}

fn converse(mut line: Prompt) -> io::Result<Option<Bytes>> {
    let mut typed = PromptState::More;
    let mut screen = io::stderr();
    loop {
        let columns = size().map_or(80, |(columns, _)| usize::from(columns));
        screen.write_all(line.draw(columns).as_bytes())?;
        if typed != PromptState::More {
            screen.write_all(b"\r\n")?;
            return Ok((typed == PromptState::Done).then(|| line.into_bytes()));
        }
        typed = key(&read()?).map_or(PromptState::More, |key| line.press(key));
    }
}

fn key(event: &Event) -> Option<PromptKey> {
    let key = event.as_key_event().filter(|key| key.kind != KeyEventKind::Release)?;
    if key.modifiers.contains(KeyModifiers::CONTROL) && !key.modifiers.contains(KeyModifiers::ALT) {
        return match key.code.as_char()? {
            'c' | 'd' => Some(PromptKey::Cancel),
            'h' => Some(PromptKey::Backspace),
            't' => Some(PromptKey::ShowOrHide),
            'u' => Some(PromptKey::Clear),
            _ => None,
        };
    }
    if key.code == KeyCode::Enter {
        Some(PromptKey::Enter)
    } else if key.code == KeyCode::Backspace {
        Some(PromptKey::Backspace)
    } else if key.code == KeyCode::Tab {
        Some(PromptKey::Complete)
    } else {
        key.code.as_char().map(PromptKey::Letter)
    }
}

/// RAII guard that disables the echo of the console.
struct NoEcho;

impl NoEcho {
    fn new() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}
