//! Key bindings.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The action bound to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Edit the draft.
    Edit(EditAction),
    /// Send.
    Enter,
    /// Tab: complete the word before the cursor.
    Complete,
    /// Shift+Tab: select the previous completion.
    CompleteBack,
    /// Ctrl+C: clear the draft, or leave.
    Interrupt,
    /// Ctrl+D: delete to the right, or leave.
    EndOfInput,
    /// Esc: close the search or the preview, or scroll to the newest message.
    Escape,
    /// Scroll the message list.
    Scroll(ScrollAction),
    /// Ctrl+R: search.
    Find,
    /// F1, Alt+H: show the help.
    Help,
    /// F2: show or hide the member list.
    Members,
    /// Ctrl+L: redraw the screen.
    Redraw,
    /// Ctrl+Z: suspend the process.
    Suspend,
    /// Ctrl+\\: lock the screen. Pressed twice, erase everything and leave.
    Lock,
}

/// An editing action on the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditAction {
    /// Insert a character.
    Insert(char),
    /// Ctrl+J, Alt+Enter, Shift+Enter: insert a newline.
    NewLine,
    /// Delete the character to the left.
    Backspace,
    /// Delete the character to the right.
    Delete,
    /// Ctrl+W: cut the word to the left.
    DeleteWordLeft,
    /// Alt+D: cut the word to the right.
    DeleteWordRight,
    /// Ctrl+U: cut to the beginning of the line.
    KillToStart,
    /// Ctrl+K: cut to the end of the line.
    KillToEnd,
    /// Ctrl+Y: insert the text that was cut last.
    Yank,
    /// Ctrl+_: undo the last change.
    Undo,
    /// Move one character to the left.
    Left,
    /// Move one character to the right.
    Right,
    /// Move one word to the left.
    WordLeft,
    /// Move one word to the right.
    WordRight,
    /// Move to the beginning of the line.
    Home,
    /// Move to the end of the line.
    End,
    /// Up, Ctrl+P: move to the line above, or recall the previous entry of the history.
    Up,
    /// Down, Ctrl+N: move to the line below, or recall the next entry of the history.
    Down,
}

impl EditAction {
    /// Returns whether [`EditAction::Yank`] inserts what this action deletes.
    pub(super) const fn cuts(self) -> bool {
        matches!(
            self,
            Self::DeleteWordLeft | Self::DeleteWordRight | Self::KillToStart | Self::KillToEnd
        )
    }
}

/// A scrolling action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrollAction {
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
    /// The previous mention.
    MentionBefore,
    /// The next mention.
    MentionAfter,
}

impl Action {
    /// Returns the action bound to a terminal key event, if there is one.
    #[must_use]
    pub fn of(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let holds = |modifier| event.modifiers.contains(modifier);
        match (holds(KeyModifiers::CONTROL), holds(KeyModifiers::ALT)) {
            // On Windows, Ctrl+Alt is AltGr on many keyboards and types a character.
            (true, true) if cfg!(windows) => letter(event.code),
            (true, _) => Self::with_control(event.code),
            (false, true) => Self::with_alt(event.code),
            (false, false) => Self::alone(event.code, holds(KeyModifiers::SHIFT)),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys have no meaning")]
    fn alone(code: KeyCode, shift: bool) -> Option<Self> {
        Some(match code {
            KeyCode::Enter if shift => Self::Edit(EditAction::NewLine),
            KeyCode::Enter => Self::Enter,
            KeyCode::Tab if !shift => Self::Complete,
            KeyCode::Tab | KeyCode::BackTab => Self::CompleteBack,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace => Self::Edit(EditAction::Backspace),
            KeyCode::Delete => Self::Edit(EditAction::Delete),
            KeyCode::Left => Self::Edit(EditAction::Left),
            KeyCode::Right => Self::Edit(EditAction::Right),
            KeyCode::Up if shift => Self::Scroll(ScrollAction::RowUp),
            KeyCode::Down if shift => Self::Scroll(ScrollAction::RowDown),
            KeyCode::Up => Self::Edit(EditAction::Up),
            KeyCode::Down => Self::Edit(EditAction::Down),
            KeyCode::Home => Self::Edit(EditAction::Home),
            KeyCode::End => Self::Edit(EditAction::End),
            KeyCode::PageUp => Self::Scroll(ScrollAction::PageUp),
            KeyCode::PageDown => Self::Scroll(ScrollAction::PageDown),
            KeyCode::F(1) => Self::Help,
            KeyCode::F(2) => Self::Members,
            code => return letter(code),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys have no meaning")]
    const fn with_control(code: KeyCode) -> Option<Self> {
        Some(match code {
            KeyCode::Left => Self::Edit(EditAction::WordLeft),
            KeyCode::Right => Self::Edit(EditAction::WordRight),
            KeyCode::Home => Self::Scroll(ScrollAction::Oldest),
            KeyCode::End => Self::Scroll(ScrollAction::Newest),
            KeyCode::Char('a') => Self::Edit(EditAction::Home),
            KeyCode::Char('b') => Self::Edit(EditAction::Left),
            KeyCode::Char('c') => Self::Interrupt,
            KeyCode::Char('d') => Self::EndOfInput,
            KeyCode::Char('e') => Self::Edit(EditAction::End),
            KeyCode::Char('f') => Self::Edit(EditAction::Right),
            KeyCode::Char('h') => Self::Edit(EditAction::Backspace),
            KeyCode::Char('j') => Self::Edit(EditAction::NewLine),
            KeyCode::Char('k') => Self::Edit(EditAction::KillToEnd),
            KeyCode::Char('l') => Self::Redraw,
            KeyCode::Char('n') => Self::Edit(EditAction::Down),
            KeyCode::Char('p') => Self::Edit(EditAction::Up),
            KeyCode::Char('r') => Self::Find,
            KeyCode::Char('u') => Self::Edit(EditAction::KillToStart),
            KeyCode::Char('w') => Self::Edit(EditAction::DeleteWordLeft),
            KeyCode::Char('y') => Self::Edit(EditAction::Yank),
            KeyCode::Char('z') => Self::Suspend,
            // Most terminals send Ctrl+\\ as Ctrl+4.
            KeyCode::Char('\\' | '4') => Self::Lock,
            // Most terminals send Ctrl+_ as Ctrl+7.
            KeyCode::Char('_' | '7') => Self::Edit(EditAction::Undo),
            _ => return None,
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys have no meaning")]
    const fn with_alt(code: KeyCode) -> Option<Self> {
        Some(match code {
            KeyCode::Enter => Self::Edit(EditAction::NewLine),
            KeyCode::Backspace => Self::Edit(EditAction::DeleteWordLeft),
            KeyCode::Left | KeyCode::Char('b') => Self::Edit(EditAction::WordLeft),
            KeyCode::Right | KeyCode::Char('f') => Self::Edit(EditAction::WordRight),
            KeyCode::Char('d') => Self::Edit(EditAction::DeleteWordRight),
            KeyCode::Char('h') => Self::Help,
            KeyCode::Char('n') => Self::Scroll(ScrollAction::MentionAfter),
            KeyCode::Char('p') => Self::Scroll(ScrollAction::MentionBefore),
            _ => return None,
        })
    }
}

fn letter(code: KeyCode) -> Option<Action> {
    let letter = code.as_char().filter(|letter| !letter.is_control())?;
    Some(Action::Edit(EditAction::Insert(letter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_keys_map_to_actions() {
        let (none, shift) = (KeyModifiers::NONE, KeyModifiers::SHIFT);
        let (control, alt) = (KeyModifiers::CONTROL, KeyModifiers::ALT);
        let char = KeyCode::Char;
        for (code, modifiers, meaning) in [
            (char('é'), none, Some(Action::Edit(EditAction::Insert('é')))),
            (char('É'), shift, Some(Action::Edit(EditAction::Insert('É')))),
            #[cfg(windows)]
            (char('@'), control | alt, Some(Action::Edit(EditAction::Insert('@')))),
            #[cfg(not(windows))]
            (char('4'), control | alt, Some(Action::Lock)),
            (char('u'), control, Some(Action::Edit(EditAction::KillToStart))),
            (char('j'), control, Some(Action::Edit(EditAction::NewLine))),
            (char('7'), control, Some(Action::Edit(EditAction::Undo))),
            (char('4'), control, Some(Action::Lock)),
            (char('q'), control, None),
            (char('q'), alt, None),
            (char('\u{9B}'), none, None),
            (KeyCode::Enter, none, Some(Action::Enter)),
            (KeyCode::Enter, alt, Some(Action::Edit(EditAction::NewLine))),
            (KeyCode::Enter, shift, Some(Action::Edit(EditAction::NewLine))),
            (KeyCode::BackTab, shift, Some(Action::CompleteBack)),
            (KeyCode::Up, shift, Some(Action::Scroll(ScrollAction::RowUp))),
            (KeyCode::End, none, Some(Action::Edit(EditAction::End))),
            (KeyCode::End, control, Some(Action::Scroll(ScrollAction::Newest))),
            (KeyCode::F(1), none, Some(Action::Help)),
            (KeyCode::F(9), none, None),
        ] {
            assert_eq!(
                Action::of(&KeyEvent::new(code, modifiers)),
                meaning,
                "{code:?} {modifiers:?}"
            );
        }
    }
}
