//! Decoders for the server's messages.
//!
//! Protocol 1 is decoded leniently (PROTOCOL 1.5, 3.3): a Python server relays arbitrary content
//! from its members, and no line may end the session. A sealed link is decoded strictly, because
//! only a server of this project can have written the records.

use jiff::Timestamp;

use crate::{
    room_kind::RoomKind,
    strict_room::hash_chain::{ChainHash, from_hex},
    transport::record::Tampered,
    untrusted::Untrusted,
    wire::json::lenient::{self, Value},
    wire::json::strict,
    wire::{FernetToken, MAX_HELLO},
};

/// A message of the server after login.
#[derive(Debug)]
pub(crate) enum ServerMessage {
    Init(Init),
    /// Some of the members that [`Init`] announced, in protocol 2.
    Members(Vec<User>),
    Message(MessageData),
    Joined(User),
    Left {
        user_id: String,
    },
    Cleared(Cleared),
    Notice(Untrusted),
    Ping,
    /// The server's last message.
    /// The server closes the connection; with `again` it may be started anew.
    Bye {
        again: bool,
    },
    /// A type unknown to this client, or not JSON.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Init {
    /// The history, in protocol 1.
    pub(crate) messages: Vec<MessageData>,
    /// The members, in protocol 1.
    pub(crate) users: Vec<User>,
    /// Number of members that follow, in protocol 2.
    pub(crate) members: u64,
    /// Number of messages of the history that follow then, in protocol 2.
    pub(crate) history: u64,
    /// The position of the first of them, in a strict room.
    pub(crate) start: Option<Start>,
}

/// Where the history of a strict room begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// Random number of the server's run.
    pub(crate) run: [u8; 16],
    /// Number of the event before the first one of the history.
    pub(crate) n: u64,
    /// Chain hash after that event.
    pub(crate) view: ChainHash,
}

/// DATA: a message as the server broadcasts it.
#[derive(Debug)]
pub(crate) struct MessageData {
    pub(crate) id: Option<String>,
    /// The message token, or `None` if the field is not a string.
    pub(crate) token: Option<String>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) author: Untrusted,
    /// The number of the event, in a strict room.
    pub(crate) n: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) user_id: String,
    pub(crate) name: Untrusted,
    /// The token with which the member introduced itself, in a strict room.
    pub(crate) hello: Option<String>,
    /// The host of the room.
    pub(crate) is_host: bool,
}

/// Notification that the server cleared the history.
#[derive(Debug)]
pub(crate) enum Cleared {
    /// The server does not name the requester.
    Bare,
    /// The server names this member as the requester.
    By(Untrusted),
    /// The server includes the member's request.
    Proven(MessageData),
}

impl ServerMessage {
    pub(crate) fn read(line: &[u8]) -> Self {
        let Some(line) = lenient::read(line) else { return Self::Unknown };
        let message = match line.get("type").and_then(Value::as_text) {
            Some("init") => Some(Self::Init(Init {
                messages: elements(&line, "messages").iter().filter_map(data).collect(),
                users: elements(&line, "users").iter().filter_map(user).collect(),
                members: 0,
                history: 0,
                start: None,
            })),
            Some("message") => line.get("data").and_then(data).map(Self::Message),
            Some("user_joined") => user(&line).map(Self::Joined),
            Some("user_left") => text(&line, "user_id").map(|user_id| Self::Left { user_id }),
            Some("cleared") => Some(Self::Cleared(Cleared::Bare)),
            Some("bye") => Some(Self::Bye { again: again(&line) == Some(true) }),
            _ => None,
        };
        message.unwrap_or(Self::Unknown)
    }

    /// Decodes the object of a record strictly (PROTOCOL 2.4, 2.5). Unknown types become
    /// [`Self::Unknown`].
    ///
    /// # Errors
    ///
    /// Returns [`Tampered`] if the object, or a message of a known type, is malformed.
    pub(crate) fn read_sealed(object: &[u8], kdf: RoomKind) -> Result<Self, Tampered> {
        let line = strict::object(object).ok_or(Tampered)?;
        let kind = line.get("type").and_then(Value::as_text).ok_or(Tampered)?;
        let message = match (kind, kdf) {
            ("init", _) => sealed_init(&line, kdf).map(Self::Init),
            ("message", _) => {
                line.get("data").and_then(|data| numbered(data, kdf)).map(Self::Message)
            }
            ("members", _) => {
                let users = line.get("users").and_then(Value::as_list);
                let users = users.map(|users| users.iter().map(|user| proper_user(user, kdf)));
                users.and_then(Iterator::collect).map(Self::Members)
            }
            ("user_joined", _) => proper_user(&line, kdf).map(Self::Joined),
            ("user_left", _) => text(&line, "user_id").map(|user_id| Self::Left { user_id }),
            ("cleared", RoomKind::Classic) => {
                let by = text(&line, "username").map(Untrusted::new);
                by.map(|by| Self::Cleared(Cleared::By(by)))
            }
            ("cleared", RoomKind::Strict) => {
                let data = line.get("data").and_then(|data| numbered(data, kdf));
                data.map(|data| Self::Cleared(Cleared::Proven(data)))
            }
            ("notice", _) => text(&line, "text").map(|text| Self::Notice(Untrusted::new(text))),
            ("ping", _) => Some(Self::Ping),
            ("bye", _) => again(&line).map(|again| Self::Bye { again }),
            _ => Some(Self::Unknown),
        };
        message.ok_or(Tampered)
    }
}

fn elements<'a>(object: &'a Value, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_list).unwrap_or_default()
}

fn data(value: &Value) -> Option<MessageData> {
    Some(MessageData {
        author: name(value.get("username")?),
        id: text(value, "id"),
        token: text(value, "text"),
        at: text(value, "timestamp").and_then(|at| at.parse().ok()),
        n: None,
    })
}

fn sealed_init(line: &Value, kdf: RoomKind) -> Option<Init> {
    let start = match kdf {
        RoomKind::Classic => None,
        RoomKind::Strict => Some(Start {
            run: from_hex(line.get("run")?.as_text()?)?,
            n: line.get("n")?.as_u64()?,
            view: ChainHash::from_hex(line.get("view")?.as_text()?)?,
        }),
    };
    let is_empty = |key| line.get(key).and_then(Value::as_list).is_some_and(<[_]>::is_empty);
    let number = |key| line.get(key).and_then(Value::as_u64);
    let (members, history) = (number("members")?, number("history")?);
    (is_empty("messages") && is_empty("users")).then_some(Init {
        messages: Vec::new(),
        users: Vec::new(),
        members,
        history,
        start,
    })
}

/// Decodes DATA strictly: every field must be present and well formed.
fn numbered(value: &Value, kdf: RoomKind) -> Option<MessageData> {
    let n = match kdf {
        RoomKind::Classic => None,
        RoomKind::Strict => Some(value.get("n")?.as_u64()?),
    };
    Some(MessageData {
        author: Untrusted::new(bounded(value, "username", MAX_NAME)?),
        id: Some(bounded(value, "id", MAX_ID)?),
        token: Some(token(value, "text", kdf)?),
        at: text(value, "timestamp")?.parse().ok(),
        n,
    })
}

fn proper_user(value: &Value, kdf: RoomKind) -> Option<User> {
    let hello = match kdf {
        RoomKind::Classic => None,
        RoomKind::Strict => {
            Some(token(value, "hello", kdf).filter(|hello| hello.len() <= MAX_HELLO)?)
        }
    };
    let is_host = match value.get("host") {
        None => false,
        Some(host) => host.as_bool()?,
    };
    let name = Untrusted::new(bounded(value, "username", MAX_NAME)?);
    Some(User { user_id: bounded(value, "user_id", MAX_ID)?, name, hello, is_host })
}

/// Longest name of an honest server, in bytes.
const MAX_NAME: usize = 128;
/// Longest id of a message or a member, in bytes.
const MAX_ID: usize = 64;

/// Returns a token, of the right alphabet in a strict room.
fn token(object: &Value, key: &str, kdf: RoomKind) -> Option<String> {
    let token = text(object, key)?;
    match kdf {
        RoomKind::Classic => Some(token),
        RoomKind::Strict => FernetToken::new(token).map(FernetToken::into_string),
    }
}

/// Returns a text that an honest server keeps within `most` bytes.
fn bounded(object: &Value, key: &str, most: usize) -> Option<String> {
    text(object, key).filter(|text| text.len() <= most)
}

fn user(value: &Value) -> Option<User> {
    let name = name(value.get("username")?);
    Some(User { user_id: text(value, "user_id")?, name, hello: None, is_host: false })
}

/// Converts a username field of any JSON type.
fn name(value: &Value) -> Untrusted {
    Untrusted::new(value.as_text().map_or_else(|| value.to_text(), str::to_owned))
}

/// Returns the field `again` of a `bye`; `None` if it is not a boolean.
fn again(bye: &Value) -> Option<bool> {
    bye.get("again").map_or(Some(false), Value::as_bool)
}

fn text(object: &Value, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_text).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_init_elements_are_skipped() {
        let line = br#"{"type":"init","messages":[5,{"username":"a"},{"id":null},
            {"id":"x","text":NaN,"timestamp":7,"username":["\ud800",1e999]}],
            "users":[null,{"user_id":"1","username":5},{"user_id":2,"username":"b"}]}"#;
        let ServerMessage::Init(Init { messages, users, .. }) = ServerMessage::read(line) else {
            panic!("not an init")
        };
        let authors: Vec<_> = messages.iter().map(|data| data.author.raw().to_owned()).collect();
        assert_eq!(authors.first().map(String::as_str), Some("a"));
        assert_eq!(authors.len(), 2);
        assert!(messages.iter().all(|data| data.token.is_none() && data.at.is_none()));
        let names: Vec<_> = users.iter().map(|user| user.name.raw()).collect();
        assert_eq!(names, ["5"]);
    }

    #[test]
    fn unrecognized_server_lines_are_unknown() {
        for line in [
            "",
            "hello",
            "[]",
            "{}",
            r#"{"type":5}"#,
            r#"{"type":"dance"}"#,
            r#"{"type":"message","data":5}"#,
        ] {
            assert!(
                matches!(ServerMessage::read(line.as_bytes()), ServerMessage::Unknown),
                "{line}"
            );
        }
    }
}
