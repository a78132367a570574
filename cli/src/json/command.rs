//! Parser of the commands that a program sends.

use crate::safe;
use serde::{Deserialize, de::IgnoredAny};
use zeroize::Zeroizing;

use crate::text::SafeText;

/// A command from one line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JsonCommand {
    /// Send this text. The reply carries the program's own reference.
    Say(Zeroizing<String>, Option<String>),
    Wipe,
    Who,
    Compare,
    Leave,
}

/// The JSON form of a line. Unlisted fields are ignored.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum JsonRequest {
    Send {
        text: String,
        #[serde(rename = "ref")]
        mark: Option<String>,
        /// Not supported, but not ignored either: the text would go to all members.
        to: Option<IgnoredAny>,
    },
    Action {
        text: String,
        #[serde(rename = "ref")]
        mark: Option<String>,
    },
    Command {
        text: String,
    },
    Quit,
}

impl JsonCommand {
    /// Parses one line.
    ///
    /// # Errors
    ///
    /// Returns a description of the problem if the line is not a valid command.
    pub(super) fn read(line: &str) -> Result<Self, SafeText> {
        match serde_json::from_str(line) {
            Ok(JsonRequest::Send { to: Some(_), .. }) => {
                Err(safe!["there are no private messages"])
            }
            Ok(JsonRequest::Send { text, mark, to: None }) => {
                Ok(Self::Say(Zeroizing::new(text), mark))
            }
            Ok(JsonRequest::Action { text, mark }) => {
                Ok(Self::Say(Zeroizing::new(["/me ", &text].concat()), mark))
            }
            Ok(JsonRequest::Command { text }) => Self::command(&text),
            Ok(JsonRequest::Quit) => Ok(Self::Leave),
            Err(error) => Err(SafeText::sanitize(&error.to_string())),
        }
    }

    /// Parses the slash commands that are available to programs.
    fn command(text: &str) -> Result<Self, SafeText> {
        match text.trim() {
            "/who" | "/names" => Ok(Self::Who),
            "/wipe" | "/wipe yes" => Ok(Self::Wipe),
            "/verify" => Ok(Self::Compare),
            "/quit" | "/q" | "/exit" => Ok(Self::Leave),
            _ => Err(safe![
                "unknown command ",
                SafeText::quote(text),
                "; there are /who, /wipe, /verify and /quit"
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(text: &str, mark: Option<&str>) -> Result<JsonCommand, String> {
        Ok(JsonCommand::Say(Zeroizing::new(text.into()), mark.map(Into::into)))
    }

    #[test]
    fn json_lines_parse_as_commands_or_errors() {
        for (line, command) in [
            (r#"{"type":"send","text":"hi"}"#, say("hi", None)),
            (r#"{"type":"send","text":"a\nb","ref":"my-1","color":5}"#, say("a\nb", Some("my-1"))),
            (r#"{"type":"send","text":"/quit"}"#, say("/quit", None)),
            (r#"{"type":"action","text":"waves","ref":"2"}"#, say("/me waves", Some("2"))),
            (r#"{"type":"command","text":"/who"}"#, Ok(JsonCommand::Who)),
            (r#"{"type":"command","text":"/verify"}"#, Ok(JsonCommand::Compare)),
            (r#"{"type":"command","text":"/wipe yes"}"#, Ok(JsonCommand::Wipe)),
            (r#"{"type":"quit"}"#, Ok(JsonCommand::Leave)),
            (
                r#"{"type":"send","to":"bob","text":"psst"}"#,
                Err("there are no private messages".into()),
            ),
            (
                r#"{"type":"command","text":"/whoo"}"#,
                Err("unknown command \"/whoo\"; there are /who, /wipe, /verify and /quit".into()),
            ),
            ("hello", Err("expected value at line 1 column 1".into())),
            ("", Err("EOF while parsing a value at line 1 column 0".into())),
            (r#"{"type":"send"}"#, Err("missing field `text`".into())),
            (
                r#"{"type":"dance"}"#,
                Err("unknown variant `dance`, expected one of `send`, `action`, `command`, `quit` at line 1 column 15".into()),
            ),
        ] {
            assert_eq!(JsonCommand::read(line).map_err(|why| why.to_string()), command, "{line}");
        }
    }
}
