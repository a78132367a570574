//! The lock: nothing is shown and no bell rings until the passphrase is typed.
//! The same key again at once is the panic key: everything goes.

use crate::safe;
use std::time::Duration;

use cmdchat_core::{secret::Password, time::Tick};
use zeroize::Zeroizing;

use crate::ui::keymap::{Action, EditAction};
use crate::ui::model::{Effect, Model};

/// Two presses within this are one panic.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The screen is locked.
#[derive(Default)]
pub(in crate::ui) struct LockScreen {
    /// What was typed to open it.
    typed: Zeroizing<String>,
    /// It was something else the last time.
    pub(in crate::ui) refused: bool,
}

impl Model {
    /// The key that locks was pressed.
    pub(super) fn lock(&mut self, now: Tick) {
        let before = self.lock_pressed.replace(now);
        if before.is_some_and(|before| now.saturating_duration_since(before) <= AT_ONCE) {
            self.effects.push_back(Effect::Panic);
        } else if self.size.is_some() {
            self.locked = Some(LockScreen::default());
        } else {
            let what = "only the full screen can be locked; Ctrl+\\ again erases all and leaves";
            self.status = Some(safe![what]);
        }
    }

    /// Whether the lock took the key.
    pub(super) fn lock_takes(&mut self, key: Action) -> bool {
        let Some(lock) = &mut self.locked else { return false };
        match key {
            Action::Enter => {
                let typed = std::mem::take(&mut *lock.typed).into_bytes();
                self.effects.push_back(Effect::CheckPassphrase(Password::new(typed.into())));
            }
            Action::Edit(EditAction::Insert(letter)) => {
                lock.type_in(letter.encode_utf8(&mut [0; 4]))
            }
            Action::Edit(EditAction::Backspace) => drop(lock.typed.pop()),
            Action::Edit(EditAction::KillToStart) | Action::Interrupt => lock.typed.clear(),
            Action::Lock | Action::Redraw | Action::Suspend => return false,
            Action::Edit(_)
            | Action::Complete
            | Action::CompleteBack
            | Action::EndOfInput
            | Action::Escape
            | Action::Scroll(_)
            | Action::Find
            | Action::Help
            | Action::Members => {}
        }
        true
    }

    /// Whether the lock took the paste.
    pub(super) fn lock_takes_paste(&mut self, text: &str) -> bool {
        let Some(lock) = &mut self.locked else { return false };
        lock.type_in(text.trim_end_matches(['\r', '\n']));
        true
    }

    /// What was typed is the passphrase, or is not.
    pub(super) fn unlock(&mut self, right: bool) {
        match &mut self.locked {
            Some(lock) if !right => lock.refused = true,
            _ => self.locked = None,
        }
    }
}

impl LockScreen {
    fn type_in(&mut self, text: &str) {
        self.typed.push_str(text);
        self.refused = false;
    }
}
