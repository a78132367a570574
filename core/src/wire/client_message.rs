//! Messages from client to server: encoders and decoders (PROTOCOL 1.2, 1.5, 2.3, 2.5).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use serde::Serialize;

use super::{FernetToken, MAX_HELLO, ProtocolVersion, frame};
use crate::{
    crypto::kem::EncapsulationKey,
    error::{ProtocolError, WireError},
    room_kind::RoomKind,
    secret::Secret,
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

/// The contents of line 1.
#[derive(Debug)]
pub(crate) struct ClientHello {
    pub(crate) link: RequestedLink,
    pub(crate) name: Username,
    /// A before validation; `None` if it is not base64.
    pub(crate) a: Option<Vec<u8>>,
}

/// The link that line 1 requests, in the version that the server selects.
#[derive(Debug)]
pub(crate) enum RequestedLink {
    /// Protocol 1.
    Plaintext,
    /// Protocol 2.
    Sealed {
        /// The encapsulation key; `None` if it is missing or invalid.
        kem: Option<EncapsulationKey>,
        /// The number of messages of the history that the client wants at most.
        history: Option<u64>,
    },
}

/// Decodes line 1 with the checks of PROTOCOL 1.7 and 2.3 in their order, up to the name. The
/// server checks `a` and `kem` only after it has looked up the name.
pub(crate) fn read_hello(line: &[u8], spoken: SupportedVersions) -> Result<ClientHello, WireError> {
    let [cmd, username, a] =
        strict::fields(line, ["cmd", "username", "A"]).map_err(|_| WireError::InvalidJson)?;
    if cmd.text() != Some("srp_init") {
        return Err(WireError::ExpectedSrpInit);
    }
    let sealed = (spoken != SupportedVersions::V1).then(|| sealed_link(line)).flatten();
    let link = match sealed {
        Some(link) => link,
        None if spoken == SupportedVersions::V2 => return Err(WireError::Protocol2Required),
        None => RequestedLink::Plaintext,
    };
    if a.is_missing() {
        return Err(WireError::MissingA);
    }
    let name = if username == Field::Absent { Some("unknown") } else { username.text() };
    let name = name.and_then(|name| Username::new(name).ok()).ok_or(WireError::InvalidUsername)?;
    Ok(ClientHello { link, name, a: a.text().and_then(|text| STANDARD.decode(text).ok()) })
}

/// Returns the sealed link that line 1 requests, if it has an array `versions` that contains the
/// number 2.
fn sealed_link(line: &[u8]) -> Option<RequestedLink> {
    let object = strict::object(line)?;
    let mut versions = object.get("versions")?.as_list()?.iter();
    versions.any(|version| version.as_u64() == Some(2)).then(|| {
        let kem = object.get("kem").and_then(Value::as_text);
        let kem = kem.and_then(|kem| EncapsulationKey::parse(&STANDARD.decode(kem).ok()?));
        let history = object.get("history").and_then(Value::as_u64);
        RequestedLink::Sealed { kem, history }
    })
}

/// The contents of line 3.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientProofLine {
    /// M or M2, of any length.
    pub(crate) m: Vec<u8>,
    /// RESUME, of any length; `None` if it is missing or malformed.
    pub(crate) resume: Option<Vec<u8>>,
}

/// Decodes line 3. Does not check the length of the proofs.
pub(crate) fn read_proof(
    line: &[u8],
    version: ProtocolVersion,
    expected_user_id: &str,
) -> Result<ClientProofLine, WireError> {
    let mut resume = None;
    if version == ProtocolVersion::V2 {
        let object = strict::object(line).ok_or(WireError::InvalidJson)?;
        let text = object.get("resume").and_then(Value::as_text);
        resume = text.and_then(|text| STANDARD.decode(text).ok());
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
    let m = m.ok_or(WireError::InvalidVerifyRequest)?;
    Ok(ClientProofLine { m, resume })
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

/// Decodes the first object of a member of a strict room, which must be a `hello`.
pub(crate) fn read_member_hello(object: &[u8]) -> Option<FernetToken> {
    let object = strict::object(object)?;
    let text = |key: &str| object.get(key).and_then(Value::as_text);
    let token = text("text").filter(|token| token.len() <= MAX_HELLO)?;
    (text("type") == Some("hello")).then(|| FernetToken::new(token.to_owned()))?
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

/// The fields by which line 1 offers protocol 2.
pub(crate) struct SealedOffer<'a> {
    /// The offered versions, 2 among them.
    pub(crate) versions: &'a [u8],
    pub(crate) kem: Vec<u8>,
    pub(crate) history: Option<u32>,
}

/// Encodes line 1. A protocol 1 client makes no `offer`.
pub(crate) fn srp_init(name: &Username, a: &[u8], offer: Option<SealedOffer<'_>>) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        cmd: &'static str,
        username: &'a str,
        #[serde(rename = "A")]
        a: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        versions: Option<&'a [u8]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        kem: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        history: Option<u32>,
    }
    frame(&Line {
        cmd: "srp_init",
        username: name.as_str(),
        a: STANDARD.encode(a),
        versions: offer.as_ref().map(|offer| offer.versions),
        kem: offer.as_ref().map(|offer| STANDARD.encode(&offer.kem)),
        history: offer.and_then(|offer| offer.history),
    })
}

/// Encodes line 3, with M of either protocol version.
pub(crate) fn srp_verify(user_id: &str, m: &[u8; 32], resume: Option<&Secret<32>>) -> Frame {
    #[derive(Serialize)]
    struct Line<'a> {
        cmd: &'static str,
        user_id: &'a str,
        #[serde(rename = "M")]
        m: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        resume: Option<String>,
    }
    let resume = resume.map(|resume| STANDARD.encode(resume.expose()));
    frame(&Line { cmd: "srp_verify", user_id, m: STANDARD.encode(m), resume })
}

#[derive(Serialize)]
struct TokenLine<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// Encodes `message`.
pub(crate) fn message(token: &FernetToken) -> Frame {
    frame(&TokenLine { r#type: "message", text: token.as_str() })
}

/// Encodes `hello`, the first object of a member of a strict room.
pub(crate) fn hello(token: &FernetToken) -> Frame {
    frame(&TokenLine { r#type: "hello", text: token.as_str() })
}

/// Encodes `clear` for a classic room.
pub(crate) fn clear() -> Frame {
    Frame::from_line(br#"{"type":"clear"}"#.to_vec())
}

/// Encodes `clear` for a strict room, with its envelope.
pub(crate) fn clear_strict(token: &FernetToken) -> Frame {
    frame(&TokenLine { r#type: "clear", text: token.as_str() })
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
                assert_eq!(
                    read(&line(&format!(r#","M":"{m}""#)), version),
                    Ok(ClientProofLine { m: proof.to_vec(), resume: None })
                );
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
        assert_eq!(
            read(&twice, ProtocolVersion::V1),
            Ok(ClientProofLine { m: vec![2], resume: None })
        );
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
            read_hello(line.as_bytes(), spoken).map(|hello| match hello.link {
                RequestedLink::Plaintext => ProtocolVersion::V1,
                RequestedLink::Sealed { .. } => ProtocolVersion::V2,
            })
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
