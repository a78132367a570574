//! The line that was typed: words for the room, or a command.

use strsim::damerau_levenshtein;

use crate::text::SafeText;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Nothing,
    Say(&'a str),
    /// `q`, `quit` or `exit`: meant, or only a word?
    PerhapsQuit,
    /// A command and what stands behind it.
    Command(Command, &'a str),
    /// No command, and the one that may have been meant.
    Unknown(&'a str, Option<&'static str>),
}

/// What begins with a slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
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

/// How a command is written and what it does.
pub(super) struct CommandSpec {
    pub(super) command: Command,
    /// The first is the one that is shown.
    names: &'static [&'static str],
    arguments: &'static str,
    does: &'static str,
    pub(super) example: &'static str,
}

/// All commands, in the order of the help.
#[rustfmt::skip]
pub(super) const ALL: &[CommandSpec] = &[
    usage(Command::Help, &["/help"], "[COMMAND]", "this list, or more about one command", "/help find"),
    usage(Command::Quit, &["/quit", "/exit", "/q"], "[TEXT]", "leave, with a last message if you like", "/quit good night"),
    usage(Command::Me, &["/me"], "TEXT", "say what you do: * alice waves", "/me waves"),
    usage(Command::Who, &["/who", "/names"], "", "who is here", "/who"),
    usage(Command::Find, &["/find"], "TEXT", "find in what is kept here (also Ctrl+R)", "/find invoice"),
    usage(Command::Copy, &["/copy"], "[N]", "put the last message, or the N-th from the end, on the clipboard", "/copy 2"),
    usage(Command::Show, &["/show"], "[N]", "a message in full, hidden characters written out", "/show 1"),
    usage(Command::Notify, &["/notify"], "off|mentions|all", "what rings the bell", "/notify all"),
    usage(Command::Quiet, &["/quiet"], "", "hide or show who comes and goes", "/quiet"),
    usage(Command::Time, &["/time"], "off|short|full|utc", "how times are shown", "/time full"),
    usage(Command::Ignore, &["/ignore"], "NAME", "hide what somebody says", "/ignore mallory"),
    usage(Command::Unignore, &["/unignore"], "NAME", "show it again", "/unignore mallory"),
    usage(Command::Verify, &["/verify"], "[DIGITS]", "what to compare with the others, or whether theirs are the same", "/verify"),
    usage(Command::Invite, &["/invite"], "[copy|qr]", "what to tell others who may come", "/invite copy"),
    usage(Command::Clear, &["/clear"], "", "forget everything here; the others keep theirs", "/clear"),
    usage(Command::Wipe, &["/wipe"], "", "have the room forget everything, for all", "/wipe yes"),
];

const fn usage(
    command: Command,
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

    /// `/find TEXT: find in what is kept here`
    pub(super) fn line(&self) -> SafeText {
        let space = if self.arguments.is_empty() { "" } else { " " };
        SafeText::line(&[&self.name(), &space, &self.arguments, &": ", &self.does])
    }

    /// The command called `word`, with its slash or without.
    pub(super) fn of(word: &str) -> Option<&'static Self> {
        let bare = word.strip_prefix('/').unwrap_or(word);
        ALL.iter().find(|usage| usage.names.iter().any(|name| name.strip_prefix('/') == Some(bare)))
    }
}

impl<'a> Line<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let Some(rest) = text.strip_prefix('/') else {
            return match text {
                "" => Self::Nothing,
                "q" | "quit" | "exit" => Self::PerhapsQuit,
                _ => Self::Say(text),
            };
        };
        match rest {
            // `//q` is how to say `q`; `//x` says `/x`.
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

/// The command that `word` is a slip of, if there is one.
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
    fn a_slip_in_a_command_is_never_sent() {
        for (text, line) in [
            ("hello", Line::Say("hello")),
            ("", Line::Nothing),
            ("q", Line::PerhapsQuit),
            ("quite", Line::Say("quite")),
            ("//q", Line::Say("q")),
            ("//tmp/x", Line::Say("/tmp/x")),
            ("/quit", Line::Command(Command::Quit, "")),
            ("/q bye all", Line::Command(Command::Quit, "bye all")),
            ("/wipe yes", Line::Command(Command::Wipe, "yes")),
            ("/me\ttwo  words ", Line::Command(Command::Me, "two  words")),
            ("/quti now", Line::Unknown("/quti", Some("/quit"))),
            ("/whoo", Line::Unknown("/whoo", Some("/who"))),
            ("/msg bob secret", Line::Unknown("/msg", None)),
            ("/Quit", Line::Unknown("/Quit", Some("/quit"))),
            ("/", Line::Unknown("/", None)),
        ] {
            assert_eq!(Line::read(text), line, "{text}");
        }
    }
}
