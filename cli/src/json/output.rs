//! The JSON objects written to standard output, one per line. All of them are
//! defined here and documented in docs/json.md.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{
    error::{Error, ExitStatus},
    text::SafeText,
    ui::stdout::UnbufferedStdout,
};

/// A JSON object, tagged by its type.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum JsonEvent<'a> {
    Hello {
        client: &'static str,
    },
    State(State<'a>),
    Ready {
        mode: &'static str,
        sealed: bool,
        me: JsonMember<'a>,
        /// The other members.
        members: Vec<JsonMember<'a>>,
        fingerprint: String,
        /// Number of history messages that follow.
        history: usize,
    },
    Invite {
        line: &'a str,
    },
    Message(JsonMessage<'a>),
    Action(JsonMessage<'a>),
    Join {
        member: JsonMember<'a>,
        online: usize,
    },
    Leave {
        member: JsonMember<'a>,
        online: usize,
    },
    Members {
        /// All members, including the client itself.
        members: Vec<JsonMember<'a>>,
    },
    HistoryCleared {
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a str>,
    },
    Notice {
        text: &'a str,
    },
    RoomState {
        fingerprint: String,
        /// Equal for all members of one room with the same keys in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        roll_call: Option<String>,
        /// Equal for all members that were shown the same events.
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation: Option<String>,
        /// Number of the last event in `conversation`.
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<u64>,
    },
    Sent {
        #[serde(rename = "ref")]
        mark: &'a str,
    },
    Failed {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        mark: Option<&'a str>,
        code: &'static str,
        text: &'static str,
    },
    Warn(JsonWarning<'a>),
    Error {
        code: &'static str,
        /// The exit code, if the error ends the program.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit: Option<u8>,
        text: &'a str,
    },
    Bye {
        exit: u8,
    },
}

/// State of the connection.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum State<'a> {
    Connecting {
        host: &'a str,
        port: u16,
    },
    /// Offline; the next try follows after `in_ms` milliseconds.
    Reconnecting {
        in_ms: u128,
    },
    Closed,
}

#[derive(Default, Serialize)]
pub(super) struct JsonMember<'a> {
    pub(super) name: &'a str,
    /// Identifies the member's key, in a strict room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
    /// The member is present with this key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct JsonMessage<'a> {
    /// Identifies the message; stays the same when it is sent again in a strict room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) from: JsonMember<'a>,
    pub(super) text: &'a str,
    pub(super) own: bool,
    pub(super) history: bool,
    /// The text mentions the client's own username.
    pub(super) mention: bool,
}

#[derive(Default, Serialize)]
pub(super) struct JsonWarning<'a> {
    pub(super) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<&'a str>,
    /// The username inside a message with a forged author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) written_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<&'a str>,
}

/// An object with the fields common to all: format version and timestamp.
#[derive(Serialize)]
struct JsonLine<'a> {
    v: u8,
    #[serde(flatten)]
    what: &'a JsonEvent<'a>,
    #[serde(serialize_with = "milliseconds")]
    ts: Timestamp,
}

fn milliseconds<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{at:.3}"))
}

/// Encodes an object as a line.
pub(super) fn line(what: &JsonEvent<'_>, ts: Timestamp) -> SafeText {
    SafeText::json(&JsonLine { v: 1, what, ts })
}

/// Writes JSON lines to standard output until the first error.
#[derive(Debug, Default)]
pub struct JsonWriter {
    out: UnbufferedStdout,
    unheard: bool,
}

impl JsonWriter {
    /// Writes the `hello` object.
    ///
    /// # Errors
    ///
    /// Returns an error if standard output fails.
    pub fn open() -> io::Result<Self> {
        let mut writer = Self::default();
        writer.put(&JsonEvent::Hello { client: concat!("cmdchat/", env!("CARGO_PKG_VERSION")) })?;
        Ok(writer)
    }

    /// Reports that the client is connecting.
    ///
    /// # Errors
    ///
    /// Returns an error if standard output fails.
    pub fn connecting(&mut self, host: &str, port: u16) -> io::Result<()> {
        self.put(&JsonEvent::State(State::Connecting { host, port }))
    }

    /// Reports a lost connection and the time until the next try.
    pub(super) fn reconnecting(&mut self, after: Duration) -> io::Result<()> {
        self.put(&JsonEvent::State(State::Reconnecting { in_ms: after.as_millis() }))
    }

    /// Writes the error, if there is one, and the `bye` object.
    pub fn close(&mut self, outcome: &Result<ExitStatus, Error>) {
        let exit = match outcome {
            Ok(exit) => *exit,
            Err(error) => {
                let (exit, text) = (error.exit, error.what.as_str());
                let _ =
                    self.put(&JsonEvent::Error { code: exit.word(), exit: Some(exit as u8), text });
                exit
            }
        };
        let _ = self.put(&JsonEvent::Bye { exit: exit as u8 });
    }

    pub(super) fn put(&mut self, what: &JsonEvent<'_>) -> io::Result<()> {
        self.put_at(what, Timestamp::now())
    }

    /// Writes an object with the timestamp `at`. Does nothing after an error.
    ///
    /// # Errors
    ///
    /// Returns an error the first time that standard output fails.
    pub(super) fn put_at(&mut self, what: &JsonEvent<'_>, at: Timestamp) -> io::Result<()> {
        if self.unheard {
            return Ok(());
        }
        // One write per line, so that readers never see a partial line.
        let line = Zeroizing::new([line(what, at).as_str(), "\n"].concat());
        let written = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
        self.unheard = written.is_err();
        written
    }
}
