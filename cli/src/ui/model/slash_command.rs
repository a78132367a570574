//! Parser of input lines: messages and slash commands.

use crate::safe;
use strsim::damerau_levenshtein;

use crate::text::SafeText;

/// A parsed input line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ParsedInput<'a> {
    Nothing,
    Say(&'a str),
    /// `q`, `quit` or `exit` without a slash, which needs a confirmation.
    PerhapsQuit,
    /// A command and its arguments.
    Command(SlashCommand, &'a str),
    /// An unknown command, and the most similar known one.
    Unknown(&'a str, Option<&'static str>),
}

/// A command that begins with a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlashCommand {
    Help,
    Quit,
    Me,
    Who,
    Clear,
    Wipe,
    Find,
    Copy,
    Show,
    Notify,
    Quiet,
    Time,
    Ignore,
    Unignore,
    Verify,
    Invite,
}

/// The usage and description of a command.
pub(super) struct CommandSpec {
    pub(super) command: SlashCommand,
    /// All names of the command. The first one is displayed.
    names: &'static [&'static str],
    arguments: &'static str,
    does: &'static str,
    pub(super) example: &'static str,
}

/// All commands, in the order of the help.
#[rustfmt::skip]
pub(super) const ALL: &[CommandSpec] = &[
    usage(SlashCommand::Help, &["/help"], "[COMMAND]", "list the commands, or explain one", "/help find"),
    usage(SlashCommand::Quit, &["/quit", "/exit", "/q"], "[TEXT]", "leave, with an optional last message", "/quit good night"),
    usage(SlashCommand::Me, &["/me"], "TEXT", "say what you do: * alice waves", "/me waves"),
    usage(SlashCommand::Who, &["/who", "/names"], "", "list the members", "/who"),
    usage(SlashCommand::Find, &["/find"], "TEXT", "search the messages kept here (also Ctrl+R)", "/find invoice"),
    usage(SlashCommand::Copy, &["/copy"], "[N]", "copy the last message, or the N-th from the end", "/copy 2"),
    usage(SlashCommand::Show, &["/show"], "[N]", "show a message in full, hidden characters written out", "/show 1"),
    usage(SlashCommand::Notify, &["/notify"], "off|mentions|all", "set what rings the bell", "/notify all"),
    usage(SlashCommand::Quiet, &["/quiet"], "", "hide or show join and leave notices", "/quiet"),
    usage(SlashCommand::Time, &["/time"], "off|short|full|utc", "set the time format", "/time full"),
    usage(SlashCommand::Ignore, &["/ignore"], "NAME", "hide messages from NAME", "/ignore mallory"),
    usage(SlashCommand::Unignore, &["/unignore"], "NAME", "show messages from NAME again", "/unignore mallory"),
    usage(SlashCommand::Verify, &["/verify"], "[DIGITS]", "show the room fingerprint, or check it against DIGITS", "/verify"),
    usage(SlashCommand::Invite, &["/invite"], "[copy|qr]", "show the invite for others", "/invite copy"),
    usage(SlashCommand::Clear, &["/clear"], "", "clear this screen; the others keep their history", "/clear"),
    usage(SlashCommand::Wipe, &["/wipe"], "", "clear the history for all members", "/wipe yes"),
];

const fn usage(
    command: SlashCommand,
    names: &'static [&'static str],
    arguments: &'static str,
    does: &'static str,
    example: &'static str,
) -> CommandSpec {
    CommandSpec { command, names, arguments, does, example }
}

impl CommandSpec {
    pub(super) const fn name(&self) -> &'static str {
        match self.names {
            [name, ..] => name,
            [] => "",
        }
    }

    /// Returns the help line: `/find TEXT: search the messages kept here`
    pub(super) fn line(&self) -> SafeText {
        let space = if self.arguments.is_empty() { "" } else { " " };
        safe![self.name(), space, self.arguments, ": ", self.does]
    }

    /// Returns the words that are possible arguments.
    pub(super) fn choices(&self) -> Vec<&'static str> {
        if self.command == SlashCommand::Help {
            return ALL.iter().map(|usage| usage.name().trim_start_matches('/')).collect();
        }
        let words = self.arguments.trim_matches(['[', ']']).split('|');
        words.filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())).collect()
    }

    /// Returns the command with the name `word`, with or without its slash.
    pub(super) fn of(word: &str) -> Option<&'static Self> {
        let bare = word.strip_prefix('/').unwrap_or(word);
        ALL.iter().find(|usage| usage.names.iter().any(|name| name.strip_prefix('/') == Some(bare)))
    }
}

impl<'a> ParsedInput<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let Some(rest) = text.strip_prefix('/') else {
            return match text {
                "" => Self::Nothing,
                "q" | "quit" | "exit" => Self::PerhapsQuit,
                _ => Self::Say(text),
            };
        };
        match rest {
            // `//q` sends `q`; any other `//x` sends `/x`.
            "/q" => return Self::Say("q"),
            _ if rest.starts_with('/') => return Self::Say(rest),
            _ => {}
        }
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, behind) = text.split_at(end);
        match CommandSpec::of(word) {
            Some(usage) => Self::Command(usage.command, behind.trim()),
            None => Self::Unknown(word, near(word)),
        }
    }
}

/// Returns the command that `word` probably misspells, if there is one.
fn near(word: &str) -> Option<&'static str> {
    let names = ALL.iter().flat_map(|usage| usage.names).copied();
    let distances = names.map(|name| (damerau_levenshtein(word, name), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 2 && distance + 2 < name.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_commands_parse_as_unknown() {
        for (text, line) in [
            ("hello", ParsedInput::Say("hello")),
            ("", ParsedInput::Nothing),
            ("q", ParsedInput::PerhapsQuit),
            ("quite", ParsedInput::Say("quite")),
            ("//q", ParsedInput::Say("q")),
            ("//tmp/x", ParsedInput::Say("/tmp/x")),
            ("/quit", ParsedInput::Command(SlashCommand::Quit, "")),
            ("/q bye all", ParsedInput::Command(SlashCommand::Quit, "bye all")),
            ("/wipe yes", ParsedInput::Command(SlashCommand::Wipe, "yes")),
            ("/me\ttwo  words ", ParsedInput::Command(SlashCommand::Me, "two  words")),
            ("/quti now", ParsedInput::Unknown("/quti", Some("/quit"))),
            ("/whoo", ParsedInput::Unknown("/whoo", Some("/who"))),
            ("/msg bob secret", ParsedInput::Unknown("/msg", None)),
            ("/Quit", ParsedInput::Unknown("/Quit", Some("/quit"))),
            ("/", ParsedInput::Unknown("/", None)),
        ] {
            assert_eq!(ParsedInput::read(text), line, "{text}");
        }
    }
}
