//! Bodies of the fuzz targets in `fuzz/`. They are here so that ordinary builds
//! compile them and ordinary tests replay the corpus. Fuzzing disables no check
//! of the code under test. Seeds and keys are fixed.
//!
//! A target that plays a peer takes a readable script that can be written by
//! hand. Its first line is the plan. The rest is the data that the peer sends. It
//! contains `SIGNS`, which stand for values that only an insider knows (a proof,
//! for example) or for other events (time passes).

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

/// Chunk sizes of a peer's data, and other choices: the bytes of the plan in
/// turn, repeated from the start.
struct Plan<'a> {
    bytes: &'a [u8],
    used: usize,
}

impl<'a> Plan<'a> {
    /// Splits `data` into the plan and the rest.
    fn split(data: &'a [u8]) -> (Self, &'a [u8]) {
        let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
        let bytes = data.get(..end).unwrap_or_default();
        (Self { bytes, used: 0 }, data.get(end + 1..).unwrap_or_default())
    }

    /// Returns the next byte. Zero if the plan is empty.
    fn next(&mut self) -> u8 {
        let byte = self.bytes.get(self.used % self.bytes.len().max(1)).copied();
        self.used += 1;
        byte.unwrap_or(0)
    }

    /// Returns the size of the next chunk, at least 1.
    fn size(&mut self) -> usize {
        match usize::from(self.next()) {
            0 => usize::MAX,
            small @ 1..=127 => small,
            large => (large - 127) * 64,
        }
    }
}

/// Bytes of a script that are not sent literally. No line of the protocol needs
/// them.
const SIGNS: RangeInclusive<u8> = 1..=8;

/// A peer that follows a script.
struct Script<'a> {
    plan: Plan<'a>,
    rest: &'a [u8],
    /// Rest of a sign's expansion that did not fit into the last chunk.
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

    /// Returns the peer's next action, if any is left. Signs that `expand` knows
    /// are sent as their expansion.
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

/// Checks that each frame is one complete line with one JSON object. Returns the
/// objects.
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

/// Splits `bytes` into lines. The last line may be unterminated.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines
}
