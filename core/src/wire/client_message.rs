//! Messages from client to server: encoders and decoders (PROTOCOL 1.2, 1.5, 2.3, 2.5).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use serde::Serialize;

use super::{FernetToken, ProtocolVersion, frame};
use crate::{
    error::{ProtocolError, WireError},
    room_kind::RoomKind,
    transport::frame::Frame,
    username::Username,
    wire::json::lenient::Value,
    wire::json::strict::{self, Field, JsonError},
};

/// Protocol versions that a server supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SupportedVersions {
    /// Protocol 1 only.
    V1,
    /// Both; the client selects.
    Both,
    /// Protocol 2 only: a strict room.
    V2,
}

/// The contents of line 1: the selected version, the username, and A before validation.
#[derive(Debug)]
pub(crate) struct ClientHello {
    pub(crate) version: ProtocolVersion,
    pub(crate) name: Username,
    pub(crate) a: Option<Vec<u8>>,
}

/// Decodes line 1 with the checks of PROTOCOL 1.7 and 2.3 in their order, up to the name. `a` is
/// `None` if it is not base64: the server reports that only after it has looked up the name.
pub(crate) fn read_hello(line: &[u8], spoken: SupportedVersions) -> Result<ClientHello, WireError> {
    let [cmd, username, a] =
        strict::fields(line, ["cmd", "username", "A"]).map_err(|_| WireError::InvalidJson)?;
    if cmd.text() != Some("srp_init") {
        return Err(WireError::ExpectedSrpInit);
    }
    let version = match spoken {
        SupportedVersions::Both | SupportedVersions::V2 if offers_two(line) => ProtocolVersion::V2,
        SupportedVersions::V1 | SupportedVersions::Both => ProtocolVersion::V1,
        SupportedVersions::V2 => return Err(WireError::Protocol2Required),
    };
    if a.is_missing() {
        return Err(WireError::MissingA);
    }
    let name = if username == Field::Absent { Some("unknown") } else { username.text() };
    let name = name.and_then(|name| Username::new(name).ok()).ok_or(WireError::InvalidUsername)?;
    Ok(ClientHello { version, name, a: a.text().and_then(|text| STANDARD.decode(text).ok()) })
}

/// Returns whether line 1 has an array `versions` that contains the number 2.
fn offers_two(line: &[u8]) -> bool {
    let object = strict::object(line);
    let versions = object.as_ref().and_then(|line| line.get("versions")?.as_list());
    versions.is_some_and(|versions| versions.iter().any(|version| version.as_u64() == Some(2)))
}

/// Decodes line 3 and returns the proof M. Does not check its length.
pub(crate) fn read_proof(
    line: &[u8],
    version: ProtocolVersion,
    expected_user_id: &str,
) -> Result<Vec<u8>, WireError> {
    if version == ProtocolVersion::V2 && strict::object(line).is_none() {
        return Err(WireError::InvalidJson);
    }
    let [cmd, user_id, m] =
        strict::fields(line, ["cmd", "user_id", "M"]).map_err(|_| WireError::InvalidJson)?;
    if cmd.text() != Some("srp_verify") {
        return Err(WireError::ExpectedSrpVerify);
    }
    if user_id.text() != Some(expected_user_id) || m.is_missing() {
        return Err(WireError::InvalidVerifyRequest);
    }
    let m = m.text().and_then(|text| STANDARD.decode(text).ok());
    m.ok_or(WireError::InvalidVerifyRequest)
}

/// A member's request to the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Broadcast this token to all members.
    Message(FernetToken),
    /// Clear the history. Only in a strict room does it carry an envelope, which proves who
    /// requested it.
    ClearHistory(Option<FernetToken>),
}

impl Request {
    /// Returns the approximate cost of broadcasting it, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Message(token) | Self::ClearHistory(Some(token)) => token.as_str().len() as u64,
            Self::ClearHistory(None) => 0,
        }
    }
}

/// Decodes a chat line of protocol 1. Returns `Ok(None)` for a line that the server must ignore
/// (PROTOCOL 1.5, 3.1).
pub(crate) fn read_request(line: &[u8]) -> Result<Option<Request>, JsonError> {
    let [kind, text] = match strict::fields(line, ["type", "text"]) {
        Err(JsonError::NotJson) => return Ok(None),
        fields => fields?,
    };
    Ok(match (kind.text(), text) {
        (Some("message"), Field::Text(text)) => FernetToken::new(text).map(Request::Message),
        (Some("message"), Field::Absent) => FernetToken::new(String::new()).map(Request::Message),
        (Some("clear"), _) => Some(Request::ClearHistory(None)),
        _ => None,
    })
}

/// The message in a member's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientMessage {
    /// A request to the room.
    Request(Request),
    /// A keepalive ping, which requires a `pong`.
    Ping,
    /// The member leaves.
    Bye,
    /// No request: a `pong`, or a type unknown to this server.
    Nothing,
}

/// Decodes the object of a record (PROTOCOL 2.5).
pub(crate) fn read_sealed_request(
    object: &[u8],
    kdf: RoomKind,
) -> Result<ClientMessage, ProtocolError> {
    let object = strict::object(object).ok_or(ProtocolError::Tampered)?;
    let kind = object.get("type").and_then(Value::as_text).ok_or(ProtocolError::Tampered)?;
    let token = || {
        let text = object.get("text").and_then(Value::as_text).ok_or(ProtocolError::Tampered)?;
        FernetToken::new(text.to_owned()).ok_or(ProtocolError::InvalidRequest)
    };
    Ok(match (kind, kdf) {
        ("message", _) => ClientMessage::Request(Request::Message(token()?)),
        ("clear", RoomKind::Classic) => ClientMessage::Request(Request::ClearHistory(None)),
        ("clear", RoomKind::Strict) => {
            ClientMessage::Request(Request::ClearHistory(Some(token()?)))
        }
        ("ping", _) => ClientMessage::Ping,
        ("bye", _) => ClientMessage::Bye,
        _ => ClientMessage::Nothing,
    })
}

/// Encodes line 1. `versions` lists the offered versions; it is empty for a protocol 1 client.
pub(crate) fn srp_init(name: &Username, a: &[u8], versions: &[u8]) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        cmd: &'static str,
        username: &'a str,
        #[serde(rename = "A")]
        a: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        versions: Vec<u8>,
    }
    frame(&Line {
        cmd: "srp_init",
        username: name.as_str(),
        a: STANDARD.encode(a),
        versions: versions.to_vec(),
    })
}

/// Encodes line 3, with M of either protocol version.
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

#[derive(Serialize)]
struct Wish<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// Encodes `message`.
pub(crate) fn message(token: &FernetToken) -> Frame {
    frame(&Wish { r#type: "message", text: token.as_str() })
}

/// Encodes `clear` for a classic room.
pub(crate) fn clear() -> Frame {
    Frame::from_line(br#"{"type":"clear"}"#.to_vec())
}

/// Encodes `clear` for a strict room, with its envelope.
pub(crate) fn clear_strict(token: &FernetToken) -> Frame {
    frame(&Wish { r#type: "clear", text: token.as_str() })
}

/// Encodes the answer to a `ping`, from either side.
pub(crate) fn pong() -> Frame {
    Frame::from_line(br#"{"type":"pong"}"#.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MAX_TOKEN;

    #[test]
    fn only_valid_tokens_become_messages() {
        let read = |line: &str| read_request(line.as_bytes());
        let say = |text: &str| Ok(FernetToken::new(text.to_owned()).map(Request::Message));
        assert_eq!(read(r#"{"type":"message","text":"gAA-_="}"#), say("gAA-_="));
        assert_eq!(read(r#"{"type":"message"}"#), say(""));
        assert_eq!(read(r#"{"type":"clear","text":5}"#), Ok(Some(Request::ClearHistory(None))));
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
        assert_eq!(read("[]"), Err(JsonError::NotAnObject));
        assert_eq!(read_request(b"\"\xff\""), Err(JsonError::NotUtf8));
    }

    #[test]
    fn sealed_requests_parse_or_count_as_tampering() {
        let read = |object: &str| read_sealed_request(object.as_bytes(), RoomKind::Strict);
        let token = || FernetToken::new("gAA".to_owned()).unwrap();
        let request = |request| Ok(ClientMessage::Request(request));
        assert_eq!(read(r#"{"type":"message","text":"gAA"}"#), request(Request::Message(token())));
        let line = r#"{"type":"clear","text":"gAA"}"#;
        assert_eq!(read(line), request(Request::ClearHistory(Some(token()))));
        let classic = read_sealed_request(br#"{"type":"clear"}"#, RoomKind::Classic);
        assert_eq!(classic, request(Request::ClearHistory(None)));
        assert_eq!(read(r#"{"type":"ping"}"#), Ok(ClientMessage::Ping));
        assert_eq!(read(r#"{"type":"bye"}"#), Ok(ClientMessage::Bye));
        for nothing in [r#"{"type":"pong"}"#, r#"{"type":"dance","text":[]}"#] {
            assert_eq!(read(nothing), Ok(ClientMessage::Nothing), "{nothing}");
        }
        let long = format!(r#"{{"type":"message","text":"{}"}}"#, "a".repeat(MAX_TOKEN + 1));
        for unfit in [r#"{"type":"message","text":"a b"}"#, &long] {
            assert_eq!(read(unfit), Err(ProtocolError::InvalidRequest));
        }
        for tampered in [
            "{}",
            r#"{"type":5}"#,
            r#"{"type":"message"}"#,
            r#"{"type":"message","text":null}"#,
            r#"{"type":"clear"}"#,
            r#"{"type":"ping","type":"ping"}"#,
            r#"{"type":"message","text":"gAA","text":"gAA"}"#,
            "{\"type\":\"\u{fffd}\"",
        ] {
            assert_eq!(read(tampered), Err(ProtocolError::Tampered), "{tampered}");
        }
    }

    #[test]
    fn invalid_proof_lines_get_specific_errors() {
        let read = |line: &str, version| read_proof(line.as_bytes(), version, "me");
        let line = |rest: &str| format!(r#"{{"cmd":"srp_verify","user_id":"me"{rest}}}"#);
        for version in [ProtocolVersion::V1, ProtocolVersion::V2] {
            for (m, proof) in [("Ag==", &[2][..]), ("AAECAwQ=", &[0, 1, 2, 3, 4])] {
                assert_eq!(read(&line(&format!(r#","M":"{m}""#)), version), Ok(proof.to_vec()));
            }
            for wrong in ["", r#","M":"""#, r#","M":null"#, r#","M":5"#, r#","M":"?""#] {
                let invalid = Err(WireError::InvalidVerifyRequest);
                assert_eq!(read(&line(wrong), version), invalid, "{wrong}");
            }
            let other = r#"{"cmd":"srp_verify","user_id":"you","M":"Ag=="}"#;
            assert_eq!(read(other, version), Err(WireError::InvalidVerifyRequest));
            let init = r#"{"cmd":"srp_init","user_id":"me","M":"Ag=="}"#;
            assert_eq!(read(init, version), Err(WireError::ExpectedSrpVerify));
            assert_eq!(read("[]", version), Err(WireError::InvalidJson));
        }
        // Protocol 2 rejects duplicate keys; protocol 1 accepts them, as Python does.
        let twice = line(r#","M":"Ag==","M":"Ag==""#);
        assert_eq!(read(&twice, ProtocolVersion::V1), Ok(vec![2]));
        assert_eq!(read(&twice, ProtocolVersion::V2), Err(WireError::InvalidJson));
    }

    /// The rate limiter uses the size to slow down a flood of long messages.
    #[test]
    fn request_size_is_its_token_length() {
        let token = FernetToken::new("x".repeat(1_000)).unwrap();
        assert_eq!(Request::Message(token.clone()).size(), 1_000);
        assert_eq!(Request::ClearHistory(Some(token)).size(), 1_000);
        assert_eq!(Request::ClearHistory(None).size(), 0);
    }

    #[test]
    fn server_selects_v2_when_offered() {
        let version = |versions: &str, spoken| {
            let line = format!(r#"{{"cmd":"srp_init","username":"a","A":"Ag=="{versions}}}"#);
            read_hello(line.as_bytes(), spoken).map(|hello| hello.version)
        };
        for offer in [r#","versions":[2,1]"#, r#","versions":[2]"#, r#","versions":["x",9,2]"#] {
            assert_eq!(version(offer, SupportedVersions::Both), Ok(ProtocolVersion::V2), "{offer}");
            assert_eq!(version(offer, SupportedVersions::V2), Ok(ProtocolVersion::V2), "{offer}");
            assert_eq!(version(offer, SupportedVersions::V1), Ok(ProtocolVersion::V1), "{offer}");
        }
        for none in [
            "",
            r#","versions":2"#,
            r#","versions":[1]"#,
            r#","versions":["2"]"#,
            r#","versions":[2.0]"#,
            r#","versions":[2],"versions":[2]"#,
        ] {
            assert_eq!(version(none, SupportedVersions::Both), Ok(ProtocolVersion::V1), "{none}");
            assert_eq!(
                version(none, SupportedVersions::V2),
                Err(WireError::Protocol2Required),
                "{none}"
            );
        }
        let other = read_hello(br#"{"cmd":"dance"}"#, SupportedVersions::V2);
        assert_eq!(other.err(), Some(WireError::ExpectedSrpInit));
        let no_a = read_hello(br#"{"cmd":"srp_init"}"#, SupportedVersions::V2);
        assert_eq!(no_a.err(), Some(WireError::Protocol2Required));
    }
}
