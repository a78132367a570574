//! What the keys mean.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// One for the draft.
    Edit(Edit),
    /// Send.
    Enter,
    /// Tab: complete the word before the cursor.
    Complete,
    /// Shift+Tab: the completion before.
    CompleteBack,
    /// Ctrl+C: clear the draft, or leave.
    Interrupt,
    /// Ctrl+D: delete to the right, or leave.
    EndOfInput,
    /// Esc: out of whatever is open.
    Escape,
    /// Move what is seen.
    Scroll(Scroll),
    /// Ctrl+R: find.
    Find,
    /// F1, Alt+H.
    Help,
    /// F2: the list of members.
    Members,
    /// Ctrl+L: draw everything again.
    Redraw,
    /// Ctrl+Z.
    Suspend,
    /// Ctrl+\\: lock the screen; twice, erase all and leave.
    Lock,
}

/// A key for the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Anything that is text.
    Letter(char),
    /// A new line: Ctrl+J, Alt+Enter.
    NewLine,
    /// Delete to the left.
    Backspace,
    /// Delete to the right.
    Delete,
    /// Ctrl+W: delete the word to the left.
    DeleteWordLeft,
    /// Alt+D: delete the word to the right.
    DeleteWordRight,
    /// Ctrl+U: cut to the beginning of the line.
    CutLeft,
    /// Ctrl+K: cut to the end of the line.
    CutRight,
    /// Ctrl+Y: put back what was cut.
    PutBack,
    /// Ctrl+_: as it was before.
    Undo,
    /// One to the left.
    Left,
    /// One to the right.
    Right,
    /// A word to the left.
    WordLeft,
    /// A word to the right.
    WordRight,
    /// To the beginning of the line.
    Home,
    /// To the end of the line.
    End,
    /// The line above, or what was sent before.
    Up,
    /// The line below, or what was sent after.
    Down,
}

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scroll {
    /// A page towards the beginning.
    PageUp,
    /// A page towards the end.
    PageDown,
    /// One row towards the beginning.
    RowUp,
    /// One row towards the end.
    RowDown,
    /// The oldest message.
    Oldest,
    /// The newest message.
    Newest,
    /// The mention before.
    MentionBefore,
    /// The mention after.
    MentionAfter,
}

impl Key {
    /// The meaning of a key of the terminal, if it has one here.
    #[must_use]
    pub fn of(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let holds = |modifier| event.modifiers.contains(modifier);
        match (holds(KeyModifiers::CONTROL), holds(KeyModifiers::ALT)) {
            (true, false) => Self::with_control(event.code),
            (false, true) => Self::with_alt(event.code),
            // With both it is a letter of the third level on many keyboards.
            (true, true) => letter(event.code),
            (false, false) => Self::alone(event.code, holds(KeyModifiers::SHIFT)),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys have no meaning")]
    fn alone(code: KeyCode, shift: bool) -> Option<Self> {
        Some(match code {
            KeyCode::Enter if shift => Self::Edit(Edit::NewLine),
            KeyCode::Enter => Self::Enter,
            KeyCode::Tab if !shift => Self::Complete,
            KeyCode::Tab | KeyCode::BackTab => Self::CompleteBack,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace => Self::Edit(Edit::Backspace),
            KeyCode::Delete => Self::Edit(Edit::Delete),
            KeyCode::Left => Self::Edit(Edit::Left),
            KeyCode::Right => Self::Edit(Edit::Right),
            KeyCode::Up if shift => Self::Scroll(Scroll::RowUp),
            KeyCode::Down if shift => Self::Scroll(Scroll::RowDown),
            KeyCode::Up => Self::Edit(Edit::Up),
            KeyCode::Down => Self::Edit(Edit::Down),
            KeyCode::Home => Self::Edit(Edit::Home),
            KeyCode::End => Self::Edit(Edit::End),
            KeyCode::PageUp => Self::Scroll(Scroll::PageUp),
            KeyCode::PageDown => Self::Scroll(Scroll::PageDown),
            KeyCode::F(1) => Self::Help,
            KeyCode::F(2) => Self::Members,
            code => return letter(code),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys have no meaning")]
    const fn with_control(code: KeyCode) -> Option<Self> {
        Some(match code {
            KeyCode::Left => Self::Edit(Edit::WordLeft),
            KeyCode::Right => Self::Edit(Edit::WordRight),
            KeyCode::Home => Self::Scroll(Scroll::Oldest),
            KeyCode::End => Self::Scroll(Scroll::Newest),
            KeyCode::Char('a') => Self::Edit(Edit::Home),
            KeyCode::Char('b') => Self::Edit(Edit::Left),
            KeyCode::Char('c') => Self::Interrupt,
            KeyCode::Char('d') => Self::EndOfInput,
            KeyCode::Char('e') => Self::Edit(Edit::End),
            KeyCode::Char('f') => Self::Edit(Edit::Right),
            KeyCode::Char('h') => Self::Edit(Edit::Backspace),
            KeyCode::Char('j') => Self::Edit(Edit::NewLine),
            KeyCode::Char('k') => Self::Edit(Edit::CutRight),
            KeyCode::Char('l') => Self::Redraw,
            KeyCode::Char('r') => Self::Find,
            KeyCode::Char('u') => Self::Edit(Edit::CutLeft),
            KeyCode::Char('w') => Self::Edit(Edit::DeleteWordLeft),
            KeyCode::Char('y') => Self::Edit(Edit::PutBack),
            KeyCode::Char('z') => Self::Suspend,
            // Ctrl+\\ comes as Ctrl+4 from most terminals.
            KeyCode::Char('\\' | '4') => Self::Lock,
            // Ctrl+_ comes as Ctrl+7 from most terminals.
            KeyCode::Char('_' | '7') => Self::Edit(Edit::Undo),
            _ => return None,
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys have no meaning")]
    const fn with_alt(code: KeyCode) -> Option<Self> {
        Some(match code {
            KeyCode::Enter => Self::Edit(Edit::NewLine),
            KeyCode::Backspace => Self::Edit(Edit::DeleteWordLeft),
            KeyCode::Left | KeyCode::Char('b') => Self::Edit(Edit::WordLeft),
            KeyCode::Right | KeyCode::Char('f') => Self::Edit(Edit::WordRight),
            KeyCode::Char('d') => Self::Edit(Edit::DeleteWordRight),
            KeyCode::Char('h') => Self::Help,
            KeyCode::Char('n') => Self::Scroll(Scroll::MentionAfter),
            KeyCode::Char('p') => Self::Scroll(Scroll::MentionBefore),
            _ => return None,
        })
    }
}

fn letter(code: KeyCode) -> Option<Key> {
    let letter = code.as_char().filter(|letter| !letter.is_control())?;
    Some(Key::Edit(Edit::Letter(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_terminal_have_a_meaning() {
        let (none, shift) = (KeyModifiers::NONE, KeyModifiers::SHIFT);
        let (control, alt) = (KeyModifiers::CONTROL, KeyModifiers::ALT);
        let char = KeyCode::Char;
        for (code, modifiers, meaning) in [
            (char('é'), none, Some(Key::Edit(Edit::Letter('é')))),
            (char('É'), shift, Some(Key::Edit(Edit::Letter('É')))),
            (char('@'), control | alt, Some(Key::Edit(Edit::Letter('@')))),
            (char('u'), control, Some(Key::Edit(Edit::CutLeft))),
            (char('j'), control, Some(Key::Edit(Edit::NewLine))),
            (char('7'), control, Some(Key::Edit(Edit::Undo))),
            (char('4'), control, Some(Key::Lock)),
            (char('q'), control, None),
            (char('q'), alt, None),
            (char('\u{9B}'), none, None),
            (KeyCode::Enter, none, Some(Key::Enter)),
            (KeyCode::Enter, alt, Some(Key::Edit(Edit::NewLine))),
            (KeyCode::Enter, shift, Some(Key::Edit(Edit::NewLine))),
            (KeyCode::BackTab, shift, Some(Key::CompleteBack)),
            (KeyCode::Up, shift, Some(Key::Scroll(Scroll::RowUp))),
            (KeyCode::End, none, Some(Key::Edit(Edit::End))),
            (KeyCode::End, control, Some(Key::Scroll(Scroll::Newest))),
            (KeyCode::F(1), none, Some(Key::Help)),
            (KeyCode::F(9), none, None),
        ] {
            assert_eq!(Key::of(&KeyEvent::new(code, modifiers)), meaning, "{code:?} {modifiers:?}");
        }
    }
}
