//! Lines that a client writes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{Token, frame};
use crate::{frame::Frame, name::Name};

/// Line 1. `versions` is what is offered; nothing is what a client of protocol 1 says.
pub(crate) fn srp_init(name: &Name, a: &[u8], versions: &[u8]) -> Frame {
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

/// Line 3, with M of either protocol.
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

/// `message`.
pub(crate) fn say(token: &Token) -> Frame {
    frame(&Wish { r#type: "message", text: token.as_str() })
}

/// `clear` in a classic room.
pub(crate) fn clear() -> Frame {
    Frame::from_line(br#"{"type":"clear"}"#.to_vec())
}

/// `clear` in a strict room, with its envelope.
pub(crate) fn wipe(token: &Token) -> Frame {
    frame(&Wish { r#type: "clear", text: token.as_str() })
}

/// The answer to a `ping`, from either side.
pub(crate) fn pong() -> Frame {
    Frame::from_line(br#"{"type":"pong"}"#.to_vec())
}
