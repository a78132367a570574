//! Handling of keys, lines and pastes.

use crate::safe;
use std::time::Duration;

use cmdchat_core::wire::MAX_TEXT;
use zeroize::Zeroizing;

use crate::ui::model::{
    Effect, Model, Now, PendingConfirm, ScrollPosition,
    slash_command::{self, CommandSpec, ParsedInput},
};
use crate::{
    text::SafeText,
    ui::{
        keymap::{Action, EditAction},
        strings::too_long,
    },
};

/// Time limit for the second key press that confirms leaving.
const SECOND_KEY: Duration = Duration::from_secs(2);
/// Number of lines above which a paste is previewed before sending.
const PREVIEW: usize = 5;

impl Model {
    pub(super) fn on_action(&mut self, now: Now, key: Action) {
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
            Action::Edit(EditAction::NewLine) if self.preview => {
                self.editor.join_lines();
                self.preview = false;
            }
            Action::Edit(EditAction::End) if empty => self.go_to(ScrollPosition::Bottom),
            Action::Edit(edit) => self.editor.edit(edit),
            Action::Enter => self.submit(now, asked),
            Action::Complete => self.complete(false),
            Action::CompleteBack => self.complete(true),
            Action::Interrupt if empty && self.is_offline() => {
                self.effects.push_back(Effect::QuitNow)
            }
            Action::Interrupt | Action::EndOfInput if empty => self.ask_to_leave(now, key, asked),
            Action::Interrupt => self.editor.clear(),
            Action::EndOfInput => self.editor.edit(EditAction::Delete),
            Action::Escape if self.preview => self.editor.edit(EditAction::Undo),
            Action::Escape => self.go_to(ScrollPosition::Bottom),
            Action::Scroll(scroll) => self.scroll(scroll),
            Action::Find => self.search(""),
            Action::Help => self.help(now, ""),
            Action::Members => self.hides_members = !self.hides_members,
            Action::Redraw => self.effects.push_back(Effect::Redraw),
            Action::Suspend => self.effects.push_back(Effect::Suspend),
            Action::Lock => self.lock(now.tick),
        }
        self.preview &= self.editor.lines() > 1;
        self.report_overflow();
    }

    /// Reports a text that was not inserted.
    fn report_overflow(&mut self) {
        if self.editor.take_overflow() {
            self.status = Some(safe!["not inserted: too long for the input (64 KiB at most)"]);
        }
    }

    /// Handles a complete line.
    pub(super) fn enter(&mut self, now: Now, text: Zeroizing<String>) {
        let asked = self.asked.take();
        self.submit_line(now, text, asked);
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
        self.report_overflow();
    }

    fn submit(&mut self, now: Now, asked: Option<PendingConfirm>) {
        self.preview = false;
        let text = self.editor.text();
        if self.editor.begins_with_a_paste() && text.starts_with('/') && !text.starts_with("//") {
            self.status =
                Some(safe!["a paste is not run as a command; // sends a slash (nothing was sent)"]);
            return;
        }
        let text = self.editor.submit();
        self.submit_line(now, text, asked);
    }

    fn submit_line(&mut self, now: Now, text: Zeroizing<String>, asked: Option<PendingConfirm>) {
        match ParsedInput::read(&text) {
            ParsedInput::Nothing if self.is_offline() => self.effects.push_back(Effect::Retry),
            ParsedInput::Nothing if asked == Some(PendingConfirm::Word) => {
                self.effects.push_back(Effect::Quit)
            }
            ParsedInput::Nothing => {}
            ParsedInput::Say(words) => self.say_if_possible(words, &text),
            ParsedInput::PerhapsQuit => {
                self.asked = Some(PendingConfirm::Word);
                self.status = Some(safe!["press Enter again to leave, or keep typing"]);
            }
            ParsedInput::Command(command, arguments) => {
                self.execute(now, command, arguments, &text)
            }
            ParsedInput::Unknown(word, near) => {
                let word = SafeText::sanitize(word).truncate(32);
                self.status = Some(match near {
                    Some(near) => safe![
                        "unknown command ",
                        word,
                        ", did you mean ",
                        near,
                        "? (nothing was sent)"
                    ],
                    None => safe![
                        "unknown command ",
                        word,
                        ", see /help (nothing was sent; // sends a slash)"
                    ],
                });
            }
        }
    }

    /// Sends `words`. Restores `draft` in the input if that is not possible.
    pub(super) fn say_if_possible(&mut self, words: &str, draft: &Zeroizing<String>) {
        if words.len() > MAX_TEXT {
            self.editor.restore(draft.clone());
            self.status = Some(too_long());
        } else if self.is_offline() {
            self.editor.restore(draft.clone());
            self.status = Some(safe!["not sent: offline, kept in the input"]);
            self.effects.push_back(Effect::Retry);
        } else {
            self.say(words);
            self.new_from = None;
            self.go_to(ScrollPosition::Bottom);
        }
    }

    fn ask_to_leave(&mut self, now: Now, key: Action, asked: Option<PendingConfirm>) {
        if let Some(PendingConfirm::Key(until)) = asked
            && now.tick <= until
        {
            self.effects.push_back(Effect::Quit);
            return;
        }
        self.asked = Some(PendingConfirm::Key(now.tick.saturating_add(SECOND_KEY)));
        let name = if key == Action::Interrupt { "Ctrl+C" } else { "Ctrl+D" };
        self.status = Some(safe![name, " again to leave"]);
    }

    fn complete(&mut self, back: bool) {
        let members = &self.members;
        let line = self.editor.text();
        let (command, _) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let command = CommandSpec::of(command).filter(|_| line.starts_with('/'));
        self.editor.complete(back, |word, first| {
            let starts =
                |name: &str, part: &str| name.to_lowercase().starts_with(&part.to_lowercase());
            if first && word.starts_with('/') {
                let names = slash_command::ALL.iter().map(CommandSpec::name);
                let names = names.filter(|name| starts(name, word));
                return names.map(|name| format!("{name} ")).collect();
            }
            let arguments = command.map_or_else(Vec::new, CommandSpec::choices);
            let mut found: Vec<_> = arguments
                .into_iter()
                .filter(|argument| !first && starts(argument, word))
                .map(|argument| format!("{argument} "))
                .collect();
            // Punctuation before a name, such as `@` or `(`, stays.
            let at = word.find(|letter: char| letter.is_alphanumeric() || letter == '_');
            let (before, part) = word.split_at(at.unwrap_or(word.len()));
            let end = if first && before.is_empty() { ": " } else { " " };
            let others = members.iter().filter(|member| !member.own);
            let names = others.map(|member| member.name.as_str());
            if !part.is_empty() || before.is_empty() || before == "@" {
                let names = names.filter(|name| starts(name, part));
                found.extend(names.map(|name| format!("{before}{name}{end}")));
            }
            found
        });
    }
}
