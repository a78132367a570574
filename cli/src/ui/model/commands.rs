//! Execution of slash commands.

use crate::safe;
use clap::ValueEnum;
use cmdchat_core::{fingerprint::Fingerprint, untrusted::Untrusted};
use cmdchat_drivers::client::SessionCommand;
use strsim::damerau_levenshtein;
use zeroize::Zeroizing;

use crate::ui::model::{
    ChatMessage, Effect, EntryKind, Model, Now,
    slash_command::{self, CommandSpec, SlashCommand},
};
use crate::{
    text::{SafeDisplay, SafeText, escape_invisible},
    ui::editor::Editor,
};

/// Maximum size of a copied text, in bytes. Terminals accept less than this.
const CLIPBOARD: usize = 64 << 10;

impl Model {
    /// Executes a command. `draft` is the whole line, which is restored in the input if
    /// it cannot be sent now.
    pub(super) fn execute(
        &mut self,
        now: Now,
        command: SlashCommand,
        arguments: &str,
        draft: &Zeroizing<String>,
    ) {
        match command {
            SlashCommand::Help => self.help(now, arguments),
            SlashCommand::Quit => {
                if !arguments.is_empty() && !self.is_offline() {
                    self.say_if_possible(arguments, draft);
                }
                self.effects.push_back(Effect::Quit);
            }
            SlashCommand::Me if arguments.is_empty() => self.explain(command),
            SlashCommand::Me => {
                let text = Zeroizing::new(format!("/me {arguments}"));
                self.say_if_possible(&text, draft);
            }
            SlashCommand::Who => self.who(now),
            SlashCommand::Clear => {
                self.forget();
                self.effects.push_back(Effect::Redraw);
                self.editor = Editor::default();
                self.answer(&[&"cleared here; the others keep their copy"]);
            }
            SlashCommand::Wipe if arguments == "yes" => self.send(SessionCommand::ClearHistory),
            SlashCommand::Wipe => {
                let online = self.online;
                self.answer(&[
                    &"clear the history for all (",
                    &online,
                    &" online)? confirm with /wipe yes",
                ]);
            }
            SlashCommand::Find if arguments.is_empty() && self.size.is_none() => {
                self.explain(command)
            }
            SlashCommand::Find => self.look_for_here(now, arguments),
            SlashCommand::Copy => self.copy(arguments),
            SlashCommand::Show => self.show(now, arguments),
            SlashCommand::Notify => match choice(arguments) {
                Some(notify) => {
                    self.settings.notify = notify;
                    self.answer(&[&"the bell rings for: ", &name(notify)]);
                }
                None => self.explain(command),
            },
            SlashCommand::Time => match choice(arguments) {
                Some(clock) => {
                    self.settings.clock = clock;
                    self.answer(&[&"times: ", &name(clock)]);
                }
                None => self.explain(command),
            },
            SlashCommand::Quiet => {
                self.settings.quiet = !self.settings.quiet;
                let shown: &dyn SafeDisplay =
                    if self.settings.quiet { &"hidden" } else { &"shown" };
                self.answer(&[&"join and leave notices are ", shown]);
            }
            SlashCommand::Invite => self.invite(now, arguments),
            SlashCommand::Ignore => self.ignore(arguments),
            SlashCommand::Unignore => self.unignore(arguments),
            SlashCommand::Verify if arguments.is_empty() => {
                self.send(SessionCommand::RequestFingerprint)
            }
            SlashCommand::Verify => self.verify(arguments),
        }
    }

    fn answer(&mut self, parts: &[&dyn SafeDisplay]) {
        self.status = Some(SafeText::concat(parts));
    }

    /// Shows the usage of a command.
    fn explain(&mut self, command: SlashCommand) {
        if let Some(usage) = slash_command::ALL.iter().find(|usage| usage.command == command) {
            self.status = Some(usage.line());
        }
    }

    pub(super) fn help(&mut self, now: Now, about: &str) {
        let lines = match CommandSpec::of(about) {
            Some(usage) => vec![usage.line(), safe!["for example ", usage.example]],
            None => slash_command::ALL
                .iter()
                .map(CommandSpec::line)
                .chain([
                    safe!["Ctrl+J new line, Tab completes, Ctrl+C twice leaves"],
                    safe!["PgUp and PgDn scroll, F2 shows the members"],
                    safe!["Ctrl+\\ locks the screen; twice erases all and leaves"],
                ])
                .collect(),
        };
        self.add(now.at, EntryKind::Note(lines));
    }

    fn who(&mut self, now: Now) {
        let mut lines = vec![safe![self.online, " online"]];
        for member in &self.members {
            let role: &dyn SafeDisplay = if member.own { &" (you)" } else { &"" };
            lines.push(match member.since {
                None => safe![member.name, role],
                Some(since) => {
                    let since = SafeText::clock(self.zone.to_datetime(since).time());
                    safe![member.name, role, " since ", since]
                }
            });
        }
        self.add(now.at, EntryKind::Note(lines));
    }

    /// Returns the `N`-th message from the end.
    ///
    /// # Errors
    ///
    /// Returns a description of the problem if there is no such message.
    fn nth(&self, number: &str) -> Result<&ChatMessage, SafeText> {
        let number: usize = match number {
            "" => 1,
            _ => number
                .parse()
                .map_err(|_| safe![SafeText::quote(number), " is not the number of a message"])?,
        };
        let seen = self.log.said().map(|(_, said)| said);
        let mut seen = seen.filter(|said| !self.ignores(&said.from));
        let found = number.checked_sub(1).and_then(|skipped| seen.nth(skipped));
        found.ok_or_else(|| safe!["there are fewer messages than that"])
    }

    fn copy(&mut self, number: &str) {
        match self.nth(number) {
            Err(why) => self.answer(&[&why]),
            Ok(said) if said.text.raw().len() > CLIPBOARD => {
                self.answer(&[&"too long for a clipboard"]);
            }
            Ok(said) => {
                let body = said.body.clone();
                self.effects.push_back(Effect::Copy(body));
                match std::mem::replace(&mut self.clipboard_told, true) {
                    true => self.answer(&[&"copied"]),
                    false => self.answer(&[&"copied; clipboard managers may keep it"]),
                }
            }
        }
    }

    /// Shows the invitation for other people.
    pub(super) fn invite(&mut self, now: Now, how: &str) {
        match &self.notices.invite {
            None => {
                self.answer(&[&"no invite here: you did not host this room or join it with a code"])
            }
            Some(card) if how == "copy" => {
                let line = Untrusted::new(card.line.as_str().to_owned());
                self.effects.push_back(Effect::Copy(SafeText::message(&line)));
                self.answer(&[&"copied; clipboard managers may keep it"]);
            }
            Some(card) if how == "qr" => match card.qr(self.settings.ascii) {
                Err(why) => self.answer(&[&why]),
                Ok(lines) if !self.takes_whole(&lines) => {
                    self.answer(&[&"the window is too narrow for the QR code"]);
                }
                Ok(lines) => {
                    self.add(now.at, EntryKind::Note(lines));
                }
            },
            Some(card) => {
                let lines = card.lines.clone();
                self.add(now.at, EntryKind::Note(lines));
            }
        }
    }

    fn show(&mut self, now: Now, number: &str) {
        match self.nth(number) {
            Err(why) => self.answer(&[&why]),
            Ok(said) => {
                let head = safe!["message from ", said.author, ", hidden characters written out:"];
                let lines = [head].into_iter().chain(escape_invisible(&said.text)).collect();
                self.add(now.at, EntryKind::Note(lines));
            }
        }
    }

    fn ignore(&mut self, typed: &str) {
        let is_meant =
            |raw: &Untrusted, name: &SafeText| raw.raw() == typed || name.as_str() == typed;
        let member = self.members.iter().find(|member| is_meant(&member.raw, &member.name));
        let author = || self.log.said().find(|(_, said)| is_meant(&said.from, &said.author));
        let meant = member
            .map(|member| (member.raw.raw(), &member.name))
            .or_else(|| author().map(|(_, said)| (said.from.raw(), &said.author)));
        match meant {
            None => self.nobody(typed),
            Some((raw, _)) if raw == self.me.as_str() => self.answer(&[&"that is you"]),
            Some((raw, name)) => {
                let (raw, name) = (raw.to_owned(), name.clone());
                self.ignored.insert(raw);
                self.answer(&[
                    &"messages from ",
                    &name,
                    &" are hidden; /unignore shows them again",
                ]);
            }
        }
    }

    fn unignore(&mut self, typed: &str) {
        let shown = |raw: &String| SafeText::username(&Untrusted::new(raw.clone()));
        let meant = |raw: &&String| raw.as_str() == typed || shown(raw).as_str() == typed;
        match self.ignored.iter().find(meant).cloned() {
            None => self.answer(&[&"no ignored member is called ", &SafeText::quote(typed)]),
            Some(raw) => {
                self.ignored.remove(&raw);
                self.answer(&[&"messages from ", &shown(&raw), &" are shown again"]);
            }
        }
    }

    fn nobody(&mut self, typed: &str) {
        let names = self.members.iter().map(|member| &member.name);
        let near = names
            .map(|name| (damerau_levenshtein(name.as_str(), typed), name.clone()))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, name)| *distance <= 2 && *distance < name.width());
        let typed = SafeText::quote(typed);
        match near {
            None => self.answer(&[&"no member is called ", &typed]),
            Some((_, name)) => {
                self.answer(&[&"no member is called ", &typed, &" (did you mean ", &name, &"?)"]);
            }
        }
    }

    fn verify(&mut self, digits: &str) {
        match digits.parse::<Fingerprint>() {
            Err(_) => self.answer(&[&"these are not 25 digits"]),
            Ok(given) => {
                self.compared = Some(given);
                self.effects.push_back(Effect::Send(SessionCommand::RequestFingerprint));
            }
        }
    }
}

fn choice<T: ValueEnum>(word: &str) -> Option<T> {
    T::from_str(word, true).ok()
}

/// Returns a setting's value as the user types it.
fn name<T: ValueEnum>(choice: T) -> SafeText {
    choice
        .to_possible_value()
        .map_or_else(SafeText::default, |value| SafeText::sanitize(value.get_name()))
}
