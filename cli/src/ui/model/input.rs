//! What is typed.

use std::time::Duration;

use cmdchat_core::wire::MAX_TEXT;
use zeroize::Zeroizing;

use crate::ui::model::{
    Effect, Model, Now, PendingConfirm, Place,
    slash_command::{self, Line},
};
use crate::{
    text::SafeText,
    ui::{
        keymap::{EditAction, Key},
        strings::too_long,
    },
};

/// How long a key that asks to leave waits for the second one.
const SECOND_KEY: Duration = Duration::from_secs(2);
/// A paste of more lines is looked at before it is sent.
const PREVIEW: usize = 5;

impl Model {
    pub(super) fn press(&mut self, now: Now, key: Key) {
        if self.lock_takes(key) {
            return;
        }
        self.status = None;
        let asked = self.asked.take();
        if self.find.is_some() && self.search_with(key) {
            return;
        }
        let empty = self.editor.text().is_empty();
        match key {
            Key::Edit(EditAction::NewLine) if self.preview => {
                self.editor.join_lines();
                self.preview = false;
            }
            Key::Edit(EditAction::End) if empty => self.go_to(Place::Newest),
            Key::Edit(edit) => self.editor.edit(edit),
            Key::Enter => self.submit(now, asked),
            Key::Complete => self.complete(false),
            Key::CompleteBack => self.complete(true),
            Key::Interrupt if empty && self.is_offline() => self.effects.push_back(Effect::Vanish),
            Key::Interrupt | Key::EndOfInput if empty => self.ask_to_leave(now, key, asked),
            Key::Interrupt => self.editor.clear(),
            Key::EndOfInput => self.editor.edit(EditAction::Delete),
            Key::Escape if self.preview => self.editor.edit(EditAction::Undo),
            Key::Escape => self.go_to(Place::Newest),
            Key::Scroll(scroll) => self.scroll(scroll),
            Key::Find => self.look_for(""),
            Key::Help => self.help(now, ""),
            Key::Members => self.hides_members = !self.hides_members,
            Key::Redraw => self.effects.push_back(Effect::Redraw),
            Key::Suspend => self.effects.push_back(Effect::Suspend),
            Key::Lock => self.lock(now.tick),
        }
        self.preview &= self.editor.lines() > 1;
    }

    /// A line that is whole.
    pub(super) fn enter(&mut self, now: Now, text: Zeroizing<String>) {
        let asked = self.asked.take();
        self.take(now, text, asked);
    }

    pub(super) fn paste(&mut self, text: &str) {
        if self.lock_takes_paste(text) {
            return;
        }
        self.status = None;
        self.asked = None;
        match &mut self.find {
            Some(find) => find.query.paste(text),
            None => {
                self.editor.paste(text);
                self.preview = self.editor.lines() > PREVIEW;
            }
        }
    }

    fn submit(&mut self, now: Now, asked: Option<PendingConfirm>) {
        self.preview = false;
        let text = self.editor.text();
        if self.editor.begins_with_a_paste() && text.starts_with('/') && !text.starts_with("//") {
            self.status = Some(SafeText::line(&[
                &"a paste is not run as a command; // sends a slash (nothing was sent)",
            ]));
            return;
        }
        let text = self.editor.submit();
        self.take(now, text, asked);
    }

    fn take(&mut self, now: Now, text: Zeroizing<String>, asked: Option<PendingConfirm>) {
        match Line::read(&text) {
            Line::Nothing if self.is_offline() => self.effects.push_back(Effect::Retry),
            Line::Nothing if asked == Some(PendingConfirm::Word) => {
                self.effects.push_back(Effect::Finish)
            }
            Line::Nothing => {}
            Line::Say(words) => self.say_if_possible(words, &text),
            Line::PerhapsQuit => {
                self.asked = Some(PendingConfirm::Word);
                self.status =
                    Some(SafeText::line(&[&"press Enter again to leave, or keep typing"]));
            }
            Line::Command(command, arguments) => self.obey(now, command, arguments, &text),
            Line::Unknown(word, near) => {
                let word = SafeText::one_line(word).fit(32);
                self.status = Some(match near {
                    Some(near) => SafeText::line(&[
                        &"unknown command ",
                        &word,
                        &", did you mean ",
                        &near,
                        &"? (nothing was sent)",
                    ]),
                    None => SafeText::line(&[
                        &"unknown command ",
                        &word,
                        &", see /help (nothing was sent; // sends a slash)",
                    ]),
                });
            }
        }
    }

    /// Says `words`; `draft` goes back into the input if that is not possible.
    pub(super) fn say_if_possible(&mut self, words: &str, draft: &Zeroizing<String>) {
        if words.len() > MAX_TEXT {
            self.editor.restore(draft.clone());
            self.status = Some(too_long());
        } else if self.is_offline() {
            self.editor.restore(draft.clone());
            self.status = Some(SafeText::line(&[&"not sent: offline, kept in the input"]));
            self.effects.push_back(Effect::Retry);
        } else {
            self.say(words);
            self.new_from = None;
            self.go_to(Place::Newest);
        }
    }

    fn ask_to_leave(&mut self, now: Now, key: Key, asked: Option<PendingConfirm>) {
        if let Some(PendingConfirm::Key(until)) = asked
            && now.tick <= until
        {
            self.effects.push_back(Effect::Finish);
            return;
        }
        self.asked = Some(PendingConfirm::Key(now.tick.after(SECOND_KEY)));
        let name = if key == Key::Interrupt { "Ctrl+C" } else { "Ctrl+D" };
        self.status = Some(SafeText::line(&[&name, &" again to leave"]));
    }

    fn complete(&mut self, back: bool) {
        let members = &self.members;
        self.editor.complete(back, |word, first| {
            if first && word.starts_with('/') {
                let names = slash_command::ALL.iter().map(slash_command::CommandSpec::name);
                return names
                    .filter(|name| name.starts_with(word))
                    .map(|name| format!("{name} "))
                    .collect();
            }
            let (at, beginning) = match word.strip_prefix('@') {
                Some(rest) => ("@", rest),
                None => ("", word),
            };
            let beginning = beginning.to_lowercase();
            let end = if first { ": " } else { " " };
            let others = members.iter().filter(|member| !member.own);
            let names = others.map(|member| member.name.as_str());
            names
                .filter(|name| name.to_lowercase().starts_with(&beginning))
                .map(|name| format!("{at}{name}{end}"))
                .collect()
        });
    }
}
