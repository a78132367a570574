//! What a program is told: one object a line. All of them are here, and in
//! docs/json.md.

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

/// An object, by its type.
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
        /// The others.
        members: Vec<JsonMember<'a>>,
        fingerprint: String,
        /// So many messages of before follow.
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
        /// All of them.
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
        #[serde(flatten)]
        view: Option<JsonChainHead>,
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
        /// The program ends with it.
        #[serde(skip_serializing_if = "Option::is_none")]
        exit: Option<u8>,
        text: &'a str,
    },
    Bye {
        exit: u8,
    },
}

/// How it stands with the connection.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum State<'a> {
    Connecting {
        host: &'a str,
        port: u16,
    },
    /// Milliseconds to the next try.
    Reconnecting {
        in_ms: u128,
    },
    Closed,
}

#[derive(Serialize)]
pub(super) struct JsonMember<'a> {
    pub(super) name: &'a str,
}

#[derive(Serialize)]
pub(super) struct JsonMessage<'a> {
    pub(super) from: JsonMember<'a>,
    pub(super) text: &'a str,
    pub(super) own: bool,
    pub(super) history: bool,
    /// It names the reader.
    pub(super) mention: bool,
}

/// Where the room stands, in a strict one.
#[derive(Serialize)]
pub(super) struct JsonChainHead {
    pub(super) number: u64,
    pub(super) view: String,
}

#[derive(Default, Serialize)]
pub(super) struct JsonWarning<'a> {
    pub(super) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<&'a str>,
    /// Of a forged name: the one inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) written_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<&'a str>,
}

/// With what all objects have: the version of the form, and when.
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

/// The line of an object.
pub(super) fn line(what: &JsonEvent<'_>, ts: Timestamp) -> SafeText {
    SafeText::json(&JsonLine { v: 1, what, ts })
}

/// Standard output, as long as somebody reads it.
#[derive(Debug, Default)]
pub struct JsonWriter {
    out: UnbufferedStdout,
    unheard: bool,
}

impl JsonWriter {
    /// Says who is speaking.
    ///
    /// # Errors
    ///
    /// Those of standard output.
    pub fn open() -> io::Result<Self> {
        let mut writer = Self::default();
        writer.put(&JsonEvent::Hello { client: concat!("cmdchat/", env!("CARGO_PKG_VERSION")) })?;
        Ok(writer)
    }

    /// A connection is being made.
    ///
    /// # Errors
    ///
    /// Those of standard output.
    pub fn connecting(&mut self, host: &str, port: u16) -> io::Result<()> {
        self.put(&JsonEvent::State(State::Connecting { host, port }))
    }

    /// It was lost, and is tried again after so long.
    pub(super) fn reconnecting(&mut self, after: Duration) -> io::Result<()> {
        self.put(&JsonEvent::State(State::Reconnecting { in_ms: after.as_millis() }))
    }

    /// Why it ended, and that it did.
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

    /// # Errors
    ///
    /// Those of standard output, once.
    pub(super) fn put_at(&mut self, what: &JsonEvent<'_>, at: Timestamp) -> io::Result<()> {
        if self.unheard {
            return Ok(());
        }
        // In one piece, so that no reader finds half a line.
        let line = Zeroizing::new([line(what, at).as_str(), "\n"].concat());
        let written = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
        self.unheard = written.is_err();
        written
    }
}
