//! What a program asks for.

use crate::safe;
use serde::{Deserialize, de::IgnoredAny};
use zeroize::Zeroizing;

use crate::text::SafeText;

/// A line of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JsonCommand {
    /// Say this; the program's own mark goes with the answer.
    Say(Zeroizing<String>, Option<String>),
    Wipe,
    Who,
    Compare,
    Leave,
}

/// The line as it is written. Fields that are not listed are ignored.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum JsonRequest {
    Send {
        text: String,
        #[serde(rename = "ref")]
        mark: Option<String>,
        /// Not known yet, and not to be ignored: it would be heard by all.
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
    /// # Errors
    ///
    /// What is wrong with the line.
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

    /// The commands that mean something to a program.
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
