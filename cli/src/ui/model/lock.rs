//! The screen lock. Nothing is shown and no bell rings until the user types the
//! passphrase. Pressing the lock key twice at once is a panic quit, which erases
//! everything.

use crate::safe;
use std::time::Duration;

use cmdchat_core::{secret::Password, time::Tick};
use zeroize::Zeroizing;

use crate::ui::keymap::{Action, EditAction};
use crate::ui::model::{Effect, Model};

/// Two presses of the lock key within this time are a panic quit.
const AT_ONCE: Duration = Duration::from_secs(1);

/// State of the locked screen.
#[derive(Default)]
pub(in crate::ui) struct LockScreen {
    /// The passphrase typed so far.
    typed: Zeroizing<String>,
    /// The last passphrase was wrong.
    pub(in crate::ui) refused: bool,
}

impl Model {
    /// Handles the lock key.
    pub(super) fn lock(&mut self, now: Tick) {
        let before = self.lock_pressed.replace(now);
        if before.is_some_and(|before| now.saturating_duration_since(before) <= AT_ONCE) {
            self.effects.push_back(Effect::Panic);
        } else if self.size.is_some() {
            self.locked = Some(LockScreen::default());
            self.effects.push_back(Effect::Redraw);
        } else {
            let what = "only the full screen can be locked; Ctrl+\\ again erases all and leaves";
            self.status = Some(safe![what]);
        }
    }

    /// Passes a key to the lock screen. Returns whether it consumed the key.
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

    /// Passes a paste to the lock screen. Returns whether it consumed the paste.
    pub(super) fn lock_takes_paste(&mut self, text: &str) -> bool {
        let Some(lock) = &mut self.locked else { return false };
        lock.type_in(text.trim_end_matches(['\r', '\n']));
        true
    }

    /// Unlocks the screen if the passphrase was right.
    pub(super) fn unlock(&mut self, right: bool) {
        match &mut self.locked {
            Some(lock) if !right => lock.refused = true,
            _ => {
                self.locked = None;
                self.effects.push_back(Effect::Redraw);
            }
        }
    }
}

impl LockScreen {
    fn type_in(&mut self, text: &str) {
        self.typed.push_str(text);
        self.refused = false;
    }
}
