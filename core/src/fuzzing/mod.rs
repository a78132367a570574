//! Bodies of the fuzz targets in `fuzz/`: here, so that ordinary builds compile
//! them and ordinary tests replay the corpus. Nothing is switched off for them;
//! seeds and keys are fixed.
//!
//! Where a target plays a peer, its input is a script that can be read and
//! written by hand. The first line is the plan; the rest is what the peer
//! sends, with `SIGNS` that stand for what only an insider knows (a proof,
//! say) or for what happens besides (time passes).

mod client_login;
mod envelope;
mod established;
mod fernet;
mod fixtures;
mod lenient_json;
mod line_decoder;
mod record_opener;
mod room;
mod server_login;
mod session;
mod strict_room;
mod verifier_token;

pub use client_login::client_login;
pub use envelope::envelope;
pub use established::established;
pub use fernet::fernet;
pub use lenient_json::lenient_json;
pub use line_decoder::frame_parser;
pub use record_opener::record_opener;
pub use room::room;
pub use server_login::server_login;
pub use session::session;
pub use strict_room::strict_room;
pub use verifier_token::verifier_token;

use std::ops::RangeInclusive;

use crate::transport::frame::Frame;

/// The sizes of the pieces that a peer's bytes come in, and other choices: the
/// bytes of the plan in turn, and again from its beginning.
struct Plan<'a> {
    bytes: &'a [u8],
    used: usize,
}

impl<'a> Plan<'a> {
    /// The plan at the head of `data`, and what follows it.
    fn split(data: &'a [u8]) -> (Self, &'a [u8]) {
        let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
        let bytes = data.get(..end).unwrap_or_default();
        (Self { bytes, used: 0 }, data.get(end + 1..).unwrap_or_default())
    }

    /// The next byte; zero from an empty plan.
    fn next(&mut self) -> u8 {
        let byte = self.bytes.get(self.used % self.bytes.len().max(1)).copied();
        self.used += 1;
        byte.unwrap_or(0)
    }

    /// The size of the next piece, at least 1.
    fn size(&mut self) -> usize {
        match usize::from(self.next()) {
            0 => usize::MAX,
            small @ 1..=127 => small,
            large => (large - 127) * 64,
        }
    }
}

/// Bytes of a script that are not sent as they are. No line of the protocol needs them.
const SIGNS: RangeInclusive<u8> = 1..=8;

/// A peer that sends what is written down for it.
struct Script<'a> {
    plan: Plan<'a>,
    rest: &'a [u8],
    /// Of a sign's meaning, what did not fit into the last piece.
    owed: Vec<u8>,
}

enum Op {
    Send(Vec<u8>),
    Sign(u8),
}

impl<'a> Script<'a> {
    const fn new(plan: Plan<'a>, rest: &'a [u8]) -> Self {
        Self { plan, rest, owed: Vec::new() }
    }

    /// What the peer does next, if it does anything more. Signs that `expand`
    /// knows are sent as what it gives.
    fn next(&mut self, expand: impl Fn(u8) -> Option<Vec<u8>>) -> Option<Op> {
        let size = self.plan.size();
        let mut piece = Vec::new();
        while piece.len() < size {
            if !self.owed.is_empty() {
                let count = self.owed.len().min(size - piece.len());
                piece.extend(self.owed.drain(..count));
                continue;
            }
            let Some((&byte, rest)) = self.rest.split_first() else { break };
            if !SIGNS.contains(&byte) {
                piece.push(byte);
            } else if let Some(meaning) = expand(byte) {
                self.owed = meaning;
            } else if piece.is_empty() {
                self.rest = rest;
                return Some(Op::Sign(byte));
            } else {
                break;
            }
            self.rest = rest;
        }
        (!piece.is_empty() || !self.rest.is_empty()).then_some(Op::Send(piece))
    }
}

/// Each frame is one whole line and on it one JSON object, given here.
fn objects(frames: &[Frame]) -> Vec<serde_json::Value> {
    let object = |frame: &Frame| {
        let line = frame.bytes().strip_suffix(b"\n");
        assert!(line.is_some_and(|line| !line.contains(&b'\n')), "a frame is one line");
        let object = serde_json::from_slice(frame.bytes()).unwrap_or_default();
        assert!(matches!(object, serde_json::Value::Object(_)), "each line is an object");
        object
    };
    frames.iter().map(object).collect()
}

/// The lines that `bytes` are, the last perhaps without its end.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines
}
