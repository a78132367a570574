//! The lines of protocol 1 as Rust values (PROTOCOL 1.2, 1.5, 1.7).

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Serialize;

use crate::{frame::Frame, name::Name, strict, violation::ErrorText};

/// The longest line either side of protocol 1 can read, in bytes before the `\n`.
pub const MAX_LINE: usize = 65_536;
/// The longest handshake line a server takes, in bytes before the `\n`.
pub const MAX_HANDSHAKE_LINE: usize = 8_192;
/// The longest Fernet token a server passes on, in characters.
pub const MAX_TOKEN: usize = 45_056;
/// The longest text of one message, in bytes of UTF-8.
pub const MAX_TEXT: usize = 16_384;

/// The text of a message as the room sees it: opaque, of the alphabet of
/// Fernet tokens (`A-Za-z0-9-_=`), at most [`MAX_TOKEN`] characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// `None` if `text` is too long or has a character that no token has.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
        (text.len() <= MAX_TOKEN && text.bytes().all(fits)).then_some(Self(text))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Length only.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({} characters)", self.0.len())
    }
}

// ---- Lines that a server writes

/// Line 2.
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

/// Line 4. `session_key` is used for nothing, but a Python client wants it to be a Fernet key.
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

/// `{"error":TEXT}`.
pub(crate) fn error(text: ErrorText) -> Frame {
    #[derive(Serialize)]
    struct Line {
        error: &'static str,
    }
    frame(&Line { error: text.as_str() })
}

/// DATA of PROTOCOL 1.5. The address of the sender is nobody's business.
#[derive(Serialize)]
struct Data<'a> {
    id: &'a str,
    text: &'a str,
    timestamp: String,
    user_ip: &'static str,
    username: &'a str,
}

const MESSAGE_HEAD: &[u8] = br#"{"type":"message","data":"#;

/// `message`, encoded once for everybody.
#[derive(Clone, Debug)]
pub(crate) struct Message(Frame);

impl Message {
    pub(crate) fn new(id: &str, token: &Token, at: Timestamp, author: &Name) -> Self {
        let data = Data {
            id,
            text: token.as_str(),
            timestamp: iso(at),
            user_ip: "",
            username: author.as_str(),
        };
        let mut line = Vec::with_capacity(token.as_str().len() + 256);
        line.extend_from_slice(MESSAGE_HEAD);
        append(&mut line, &data);
        line.push(b'}');
        Self(Frame::from_line(line))
    }

    pub(crate) const fn frame(&self) -> &Frame {
        &self.0
    }

    /// DATA alone, as it stands in `init`.
    pub(crate) fn data(&self) -> &[u8] {
        let bytes = self.0.bytes();
        bytes.get(MESSAGE_HEAD.len()..bytes.len().saturating_sub(2)).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct User<'a> {
    user_id: &'a str,
    username: &'a str,
}

/// `init`: what a newcomer gets, within [`MAX_LINE`]. `history` is the newest
/// message first; the oldest are left out if the line gets too long. Should
/// the users alone not fit, some of those present are left out: a longer line
/// would cut off a Python client for certain.
pub(crate) fn init<'a>(
    present: impl Iterator<Item = (&'a str, &'a Name)>,
    newcomer: (&'a str, &'a Name),
    history: impl Iterator<Item = &'a Message>,
) -> Frame {
    const HEAD: &[u8] = br#"{"type":"init","messages":["#;
    const MIDDLE: &[u8] = br#"],"users":["#;
    const TAIL: &[u8] = b"]}";
    let mut left = MAX_LINE - HEAD.len() - MIDDLE.len() - TAIL.len();

    let mut listed = Vec::new();
    for (user_id, name) in std::iter::once(newcomer).chain(present) {
        let mut user = Vec::new();
        append(&mut user, &User { user_id, username: name.as_str() });
        if user.len() + 1 > left {
            break;
        }
        left -= user.len() + 1;
        listed.push(user);
    }
    // As Python lists them: who came last stands last.
    listed.rotate_left(1);
    let mut shown = Vec::new();
    for message in history {
        let cost = message.data().len() + 1;
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
    line.extend_from_slice(&listed.join(&b','));
    line.extend_from_slice(TAIL);
    Frame::from_line(line)
}

/// `user_joined`.
pub(crate) fn user_joined(user_id: &str, name: &Name) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        #[serde(flatten)]
        user: User<'a>,
    }
    frame(&Line { r#type: "user_joined", user: User { user_id, username: name.as_str() } })
}

/// `user_left`.
pub(crate) fn user_left(user_id: &str) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        user_id: &'a str,
    }
    frame(&Line { r#type: "user_left", user_id })
}

/// `cleared`.
pub(crate) fn cleared() -> Frame {
    Frame::from_line(br#"{"type":"cleared"}"#.to_vec())
}

// ---- Lines that a client writes

/// Line 1.
pub(crate) fn srp_init(name: &Name, a: &[u8]) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        cmd: &'static str,
        username: &'a str,
        #[serde(rename = "A")]
        a: String,
    }
    frame(&Line { cmd: "srp_init", username: name.as_str(), a: STANDARD.encode(a) })
}

/// Line 3.
pub(crate) fn srp_verify(user_id: &str, m: &[u8; 32]) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        cmd: &'static str,
        user_id: &'a str,
        #[serde(rename = "M")]
        m: String,
    }
    frame(&Line { cmd: "srp_verify", user_id, m: STANDARD.encode(m) })
}

/// `message` from a client.
pub(crate) fn say(token: &Token) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        text: &'a str,
    }
    frame(&Line { r#type: "message", text: token.as_str() })
}

/// `clear` from a client.
pub(crate) fn clear() -> Frame {
    Frame::from_line(br#"{"type":"clear"}"#.to_vec())
}

// ---- Lines that a server reads

/// Line 1, as far as a server may believe it: who wants in, and A undecoded.
#[derive(Debug)]
pub(crate) struct Hello {
    pub(crate) name: Name,
    pub(crate) a: Option<Vec<u8>>,
}

/// Reads line 1 with the checks of PROTOCOL 1.7 in their order, up to the
/// name. `a` is `None` where it is no base64 text: that is found out only
/// after the name has been looked up.
pub(crate) fn read_hello(line: &[u8]) -> Result<Hello, ErrorText> {
    let [cmd, username, a] =
        strict::fields(line, ["cmd", "username", "A"]).map_err(|_| ErrorText::InvalidJson)?;
    if cmd.text() != Some("srp_init") {
        return Err(ErrorText::ExpectedSrpInit);
    }
    if a.is_missing() {
        return Err(ErrorText::MissingA);
    }
    let name = if username == strict::Field::Absent { Some("unknown") } else { username.text() };
    let name = name.and_then(|name| Name::new(name).ok()).ok_or(ErrorText::InvalidUsername)?;
    Ok(Hello { name, a: a.text().and_then(|text| STANDARD.decode(text).ok()) })
}

/// Reads line 3 and gives the proof M, whatever its length.
pub(crate) fn read_proof(line: &[u8], expected_user_id: &str) -> Result<Vec<u8>, ErrorText> {
    let [cmd, user_id, m] =
        strict::fields(line, ["cmd", "user_id", "M"]).map_err(|_| ErrorText::InvalidJson)?;
    if cmd.text() != Some("srp_verify") {
        return Err(ErrorText::ExpectedSrpVerify);
    }
    if user_id.text() != Some(expected_user_id) || m.is_missing() {
        return Err(ErrorText::InvalidVerifyRequest);
    }
    let m = m.text().and_then(|text| STANDARD.decode(text).ok());
    m.ok_or(ErrorText::InvalidVerifyRequest)
}

/// What a member asks of the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Pass this on to everybody.
    Say(Token),
    /// Forget the history.
    Clear,
}

/// Reads a chat line. `Ok(None)` is a line to be ignored (PROTOCOL 1.5, 3.1).
pub(crate) fn read_request(line: &[u8]) -> Result<Option<Request>, strict::Unusable> {
    let [kind, text] = match strict::fields(line, ["type", "text"]) {
        Err(strict::Unusable::NotJson) => return Ok(None),
        fields => fields?,
    };
    Ok(match (kind.text(), text) {
        (Some("message"), strict::Field::Text(text)) => Token::new(text).map(Request::Say),
        (Some("message"), strict::Field::Absent) => Token::new(String::new()).map(Request::Say),
        (Some("clear"), _) => Some(Request::Clear),
        _ => None,
    })
}

// ---- Helpers

fn frame(line: &impl Serialize) -> Frame {
    let mut bytes = Vec::new();
    append(&mut bytes, line);
    Frame::from_line(bytes)
}

fn append(line: &mut Vec<u8>, value: &impl Serialize) {
    // Structs of strings written to memory: neither part can fail.
    let _ = serde_json::to_writer(line, value);
}

/// As Python's `datetime.isoformat()`: microseconds, left out when zero, `+00:00`.
fn iso(at: Timestamp) -> String {
    let format = if at.subsec_microsecond() == 0 { "%FT%T+00:00" } else { "%FT%T%.6f+00:00" };
    at.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_as_python_writes_them() {
        let at = |text: &str| text.parse::<Timestamp>().map(iso).unwrap_or_default();
        assert_eq!(at("2026-11-23T15:18:51.554307Z"), "2026-11-23T15:18:51.554307+00:00");
        assert_eq!(at("2026-11-23T15:18:51.5Z"), "2026-11-23T15:18:51.500000+00:00");
        assert_eq!(at("2026-11-23T15:18:51Z"), "2026-11-23T15:18:51+00:00");
        assert_eq!(at("2026-11-23T15:18:51.000000999Z"), "2026-11-23T15:18:51+00:00");
    }

    #[test]
    fn an_init_line_never_exceeds_what_python_reads() {
        let name = Name::new(&"é".repeat(32)).unwrap();
        let message = |n: u32| {
            let token = Token::new("x".repeat(20_000)).unwrap();
            Message::new(&format!("{n:036}"), &token, Timestamp::UNIX_EPOCH, &name)
        };
        let history: Vec<_> = (0..5).map(message).collect();
        let line = init(std::iter::empty(), ("id", &name), history.iter().rev());
        assert!(line.bytes().len() <= MAX_LINE + 1);
        let text = String::from_utf8_lossy(line.bytes()).into_owned();
        let place = |n: u32| text.find(&format!("{n:036}"));
        assert_eq!((place(0), place(1)), (None, None), "the oldest are left out");
        assert!(place(2) < place(3) && place(3) < place(4), "oldest first");

        let crowd = std::iter::repeat_n(("00000000-0000-4000-8000-000000000000", &name), 2_000);
        let line = init(crowd, ("id", &name), history.iter().rev());
        assert!(line.bytes().len() <= MAX_LINE + 1);
        assert!(serde_json::from_slice::<serde_json::Value>(line.bytes()).is_ok());
    }

    #[test]
    fn only_tokens_are_passed_on() {
        let read = |line: &str| read_request(line.as_bytes());
        let say = |text: &str| Ok(Token::new(text.to_owned()).map(Request::Say));
        assert_eq!(read(r#"{"type":"message","text":"gAA-_="}"#), say("gAA-_="));
        assert_eq!(read(r#"{"type":"message"}"#), say(""));
        assert_eq!(read(r#"{"type":"clear","text":5}"#), Ok(Some(Request::Clear)));
        let long = format!(r#"{{"type":"message","text":"{}"}}"#, "a".repeat(MAX_TOKEN + 1));
        for ignored in [
            "hello",
            "",
            "{}",
            r#"{"type":"dance"}"#,
            r#"{"type":"message","text":null}"#,
            r#"{"type":"message","text":"a b"}"#,
            r#"{"type":"message","text":"漢"}"#,
            &long,
        ] {
            assert_eq!(read(ignored), Ok(None), "{}", &ignored[..ignored.len().min(60)]);
        }
        assert_eq!(read("[]"), Err(strict::Unusable::NotAnObject));
        assert_eq!(read_request(b"\"\xff\""), Err(strict::Unusable::NotUtf8));
    }
}
