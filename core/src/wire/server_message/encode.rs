//! Encoders for the server's messages.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::decode::Start;
use crate::wire::{FernetToken, MAX_LINE, append, frame};
use crate::{
    error::WireError, room_kind::RoomKind, transport::frame::Frame, transport::record::MAX_OBJECTS,
    username::Username,
};

/// Encodes line 2 of protocol 1.
pub(crate) fn challenge(user_id: &str, b: &[u8], salt: &[u8], room_salt: &[u8; 16]) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        user_id: &'a str,
        #[serde(rename = "B")]
        b: String,
        salt: String,
        room_salt: String,
    }
    frame(&Line {
        user_id,
        b: STANDARD.encode(b),
        salt: STANDARD.encode(salt),
        room_salt: STANDARD.encode(room_salt),
    })
}

/// Encodes line 2 of protocol 2.
pub(crate) fn sealed_challenge(
    user_id: &str,
    b: &[u8],
    salt: &[u8],
    room_salt: &[u8; 16],
    kdf: RoomKind,
    kem: &[u8],
) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        version: u8,
        user_id: &'a str,
        #[serde(rename = "B")]
        b: String,
        salt: String,
        room_salt: String,
        kdf: &'static str,
        kem: String,
    }
    frame(&Line {
        version: 2,
        user_id,
        b: STANDARD.encode(b),
        salt: STANDARD.encode(salt),
        room_salt: STANDARD.encode(room_salt),
        kdf: kdf.kdf_name(),
        kem: STANDARD.encode(kem),
    })
}

/// Encodes line 4 of protocol 1. `session_key` is not used, but a Python client requires it to be
/// a Fernet key.
pub(crate) fn confirmation(h_amk: &[u8; 32], session_key: &[u8; 32]) -> Frame {
    #[derive(Serialize)]
    struct Line {
        #[serde(rename = "H_AMK")]
        h_amk: String,
        session_key: String,
    }
    let fernet_key = base64::engine::general_purpose::URL_SAFE.encode(session_key);
    frame(&Line { h_amk: STANDARD.encode(h_amk), session_key: STANDARD.encode(fernet_key) })
}

/// Encodes line 4 of protocol 2.
pub(crate) fn sealed_confirmation(h_amk: &[u8; 32]) -> Frame {
    #[derive(Serialize)]
    struct Line {
        #[serde(rename = "H_AMK")]
        h_amk: String,
    }
    frame(&Line { h_amk: STANDARD.encode(h_amk) })
}

/// Encodes `{"error":TEXT}`.
pub(crate) fn error(text: WireError) -> Frame {
    #[derive(Serialize)]
    struct Line {
        error: &'static str,
    }
    frame(&Line { error: text.as_str() })
}

/// Encodes line 4 of protocol 2 for a client whose proof is right and who stays outside all the
/// same.
pub(crate) fn refusal(text: WireError, refusal: &[u8; 32]) -> Frame {
    #[derive(Serialize)]
    struct Line {
        error: &'static str,
        refusal: String,
    }
    frame(&Line { error: text.as_str(), refusal: STANDARD.encode(refusal) })
}

/// DATA of PROTOCOL 1.5 and 2.5.
struct MessageData<'a> {
    id: &'a str,
    token: &'a FernetToken,
    timestamp: &'a str,
    author: &'a Username,
    n: Option<u64>,
}

/// The field for the sender's address. It is empty, because the server does not reveal addresses
/// but protocol 1 requires the field.
const USER_IP: &str = r#","user_ip":"""#;

const MESSAGE_HEAD: &str = r#"{"type":"message","data":"#;
const CLEARED_HEAD: &str = r#"{"type":"cleared","data":"#;

impl MessageData<'_> {
    /// Encodes a line with this DATA. Returns the line and the offset of `user_ip` in it.
    ///
    /// Ids, tokens and times contain nothing to escape, so they are not searched for it. The
    /// search would be a large part of the cost of a message.
    fn line(&self, head: &str, user_ip: &str) -> (Frame, usize) {
        let token = self.token.as_str();
        let mut line = Vec::with_capacity(token.len() + 512);
        let before = [head, r#"{"id":""#, self.id, r#"","text":""#, token, r#"","timestamp":""#];
        for piece in before.into_iter().chain([self.timestamp, "\""]) {
            line.extend_from_slice(piece.as_bytes());
        }
        let at = line.len();
        line.extend_from_slice(user_ip.as_bytes());
        line.extend_from_slice(br#","username":"#);
        append(&mut line, &self.author.as_str());
        if let Some(n) = self.n {
            line.extend_from_slice(format!(r#","n":{n}"#).as_bytes());
        }
        line.extend_from_slice(b"}}");
        (Frame::from_line(line), at)
    }
}

/// A `message`, encoded once for all members that use the same protocol version.
#[derive(Clone, Debug)]
pub(crate) struct EncodedMessage {
    /// Line of protocol 1 and the offset of `user_ip` in it; `None` in a strict room.
    open: Option<(Frame, usize)>,
    /// Line of protocol 2; in a classic room it is encoded on first use.
    sealed: OnceLock<Frame>,
}

impl EncodedMessage {
    /// Encodes a message of a classic room.
    pub(crate) fn classic(id: &str, token: &FernetToken, at: &str, author: &Username) -> Self {
        let data = MessageData { id, token, timestamp: at, author, n: None };
        Self { open: Some(data.line(MESSAGE_HEAD, USER_IP)), sealed: OnceLock::new() }
    }

    /// Encodes a message of a strict room, where it is event `n`.
    pub(crate) fn strict(
        id: &str,
        token: &FernetToken,
        at: &str,
        author: &Username,
        n: u64,
    ) -> Self {
        let data = MessageData { id, token, timestamp: at, author, n: Some(n) };
        Self { open: None, sealed: data.line(MESSAGE_HEAD, "").0.into() }
    }

    /// Returns the line of protocol 1, if the room is classic.
    pub(crate) fn open(&self) -> Option<&Frame> {
        self.open.as_ref().map(|(line, _)| line)
    }

    /// Returns the line of protocol 2.
    pub(crate) fn sealed(&self) -> &Frame {
        self.sealed.get_or_init(|| {
            let (line, user_ip) =
                self.open.as_ref().map_or((&b""[..], 0), |(l, at)| (l.line(), *at));
            let (before, after) = line.split_at_checked(user_ip).unwrap_or_default();
            let after = after.strip_prefix(USER_IP.as_bytes()).unwrap_or(after);
            Frame::from_line([before, after].concat())
        })
    }

    /// Returns the size of the line of protocol 2 in bytes, including its `\n`.
    pub(crate) fn sealed_size(&self) -> usize {
        match &self.open {
            Some((line, _)) => line.bytes().len() - USER_IP.len(),
            None => self.sealed().bytes().len(),
        }
    }

    /// Returns the size of the longest of its lines, in bytes before the `\n`.
    pub(crate) fn size(&self) -> usize {
        self.open().unwrap_or_else(|| self.sealed()).bytes().len() - 1
    }

    /// Returns only DATA, as embedded in the `init` of protocol 1.
    pub(crate) fn data(&self) -> &[u8] {
        let bytes = self.open().map_or(&b""[..], Frame::bytes);
        bytes.get(MESSAGE_HEAD.len()..bytes.len().saturating_sub(2)).unwrap_or_default()
    }
}

/// A `cleared` message, with the member that requested it where the protocol has such a field.
#[derive(Debug)]
pub(crate) struct EncodedClear {
    /// Line of protocol 1; `None` in a strict room.
    pub(crate) open: Option<Frame>,
    /// Line of protocol 2.
    pub(crate) sealed: Frame,
}

impl EncodedClear {
    /// Encodes `cleared` for a classic room.
    pub(crate) fn classic(by: &Username) -> Self {
        #[derive(Serialize)]
        struct Line<'a> {
            r#type: &'static str,
            username: &'a str,
        }
        Self {
            open: Some(Frame::from_line(br#"{"type":"cleared"}"#.to_vec())),
            sealed: frame(&Line { r#type: "cleared", username: by.as_str() }),
        }
    }

    /// Encodes `cleared` for a strict room, where it is event `n`.
    pub(crate) fn strict(id: &str, token: &FernetToken, at: &str, by: &Username, n: u64) -> Self {
        let data = MessageData { id, token, timestamp: at, author: by, n: Some(n) };
        Self { open: None, sealed: data.line(CLEARED_HEAD, "").0 }
    }
}

/// Encodes `init` of protocol 1 for a new member, within [`MAX_LINE`].
///
/// `history` yields the newest message first. The oldest are omitted if the line would be too
/// long. If the users alone do not fit, some of the present ones are omitted, because a longer
/// line would disconnect a Python client.
pub(crate) fn init<'a>(
    present: impl Iterator<Item = (&'a str, &'a Username)>,
    new_member: (&'a str, &'a Username),
    history: impl Iterator<Item = &'a EncodedMessage>,
) -> Frame {
    const HEAD: &[u8] = br#"{"type":"init","messages":["#;
    const MIDDLE: &[u8] = br#"],"users":["#;
    const TAIL: &[u8] = b"]}";
    let mut left = MAX_LINE - HEAD.len() - MIDDLE.len() - TAIL.len();
    let listed = listed(present, new_member, &mut left);
    let mut shown = Vec::new();
    for message in history {
        let comma = usize::from(!shown.is_empty());
        let cost = message.data().len() + comma;
        if cost > left {
            break;
        }
        left -= cost;
        shown.push(message.data());
    }
    shown.reverse();

    let mut line = Vec::with_capacity(MAX_LINE - left);
    line.extend_from_slice(HEAD);
    line.extend_from_slice(&shown.join(&b','));
    line.extend_from_slice(MIDDLE);
    line.extend_from_slice(&listed);
    line.extend_from_slice(TAIL);
    Frame::from_line(line)
}

/// Encodes `init` of protocol 2. So many `members` follow, then so many messages of the `history`.
/// In a strict room, `start` is the position of the first message.
pub(crate) fn sealed_init(members: usize, history: usize, start: Option<&Start>) -> Frame {
    let mut line = br#"{"type":"init","messages":[],"users":[]"#.to_vec();
    line.extend_from_slice(format!(r#","members":{members},"history":{history}"#).as_bytes());
    if let Some(Start { run, n, view }) = start {
        let run = hex::encode(run);
        line.extend_from_slice(format!(r#","run":"{run}","n":{n},"view":"{view}""#).as_bytes());
    }
    line.push(b'}');
    Frame::from_line(line)
}

/// A member as the server lists it in protocol 2.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct MemberEntry<'a> {
    pub(crate) user_id: &'a str,
    pub(crate) username: &'a str,
    /// The member's hello, in a strict room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hello: Option<&'a str>,
}

/// Encodes the members in as few lines as fit into records.
pub(crate) fn members<'a>(entries: impl Iterator<Item = MemberEntry<'a>>) -> Vec<Frame> {
    const HEAD: &[u8] = br#"{"type":"members","users":["#;
    const TAIL: &[u8] = b"]}";
    let mut lines = Vec::new();
    let mut line = HEAD.to_vec();
    for entry in entries {
        let mut next = Vec::new();
        append(&mut next, &entry);
        if line.len() + 1 + next.len() + TAIL.len() > MAX_OBJECTS {
            line.extend_from_slice(TAIL);
            lines.push(Frame::from_line(std::mem::replace(&mut line, HEAD.to_vec())));
        }
        if line.len() > HEAD.len() {
            line.push(b',');
        }
        line.extend_from_slice(&next);
    }
    line.extend_from_slice(TAIL);
    lines.push(Frame::from_line(line));
    lines
}

/// Encodes the users as Python lists them, the new member last. Lists as many as fit into `left`
/// bytes, and always the new member.
fn listed<'a>(
    present: impl Iterator<Item = (&'a str, &'a Username)>,
    new_member: (&'a str, &'a Username),
    left: &mut usize,
) -> Vec<u8> {
    let (mut listed, mut last) = (Vec::new(), Vec::new());
    list(&mut last, new_member);
    *left = left.saturating_sub(last.len());
    for user in present {
        let before = listed.len();
        list(&mut listed, user);
        listed.push(b',');
        if listed.len() > *left {
            listed.truncate(before);
            break;
        }
    }
    *left -= listed.len();
    listed.append(&mut last);
    listed
}

/// Appends one user. An id contains nothing to escape.
fn list(listed: &mut Vec<u8>, (user_id, name): (&str, &Username)) {
    for piece in [r#"{"user_id":""#, user_id, r#"","username":"#] {
        listed.extend_from_slice(piece.as_bytes());
    }
    append(listed, &name.as_str());
    listed.push(b'}');
}

/// Encodes `user_joined`.
pub(crate) fn user_joined(entry: MemberEntry<'_>) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        #[serde(flatten)]
        entry: MemberEntry<'a>,
    }
    frame(&Line { r#type: "user_joined", entry })
}

/// Encodes `user_left`.
pub(crate) fn user_left(user_id: &str) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        user_id: &'a str,
    }
    frame(&Line { r#type: "user_left", user_id })
}

/// Encodes `notice`, a text from the server.
pub(crate) fn notice(text: &'static str) -> Frame {
    #[derive(Serialize)]
    struct Line {
        r#type: &'static str,
        text: &'static str,
    }
    frame(&Line { r#type: "notice", text })
}

/// Encodes the keepalive `ping`, from either side.
pub(crate) fn ping() -> Frame {
    Frame::from_line(br#"{"type":"ping"}"#.to_vec())
}

/// Encodes `bye`, the last record of either side.
pub(crate) fn bye() -> Frame {
    Frame::from_line(br#"{"type":"bye"}"#.to_vec())
}

/// Encodes the `bye` of a server that may be started anew.
pub(crate) fn bye_again() -> Frame {
    Frame::from_line(br#"{"type":"bye","again":true}"#.to_vec())
}

#[cfg(test)]
mod tests;
