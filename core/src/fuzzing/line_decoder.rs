use serde_json::Value as Json;

use super::{Plan, lines};
use crate::{
    room_kind::RoomKind,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    wire::json::strict::{self, Field, JsonError},
    wire::server_message::ServerMessage,
    wire::{self, ClientMessage, ProtocolVersion, Request, SupportedVersions},
};

/// Checks the line decoder. However a stream is split into chunks and whatever
/// the limits are, a `LineDecoder` returns the lines of the whole stream, up to
/// the first line that is too long. It buffers no more than the limits allow.
/// Each reader handles each line, and agrees with serde_json on it.
pub fn frame_parser(data: &[u8]) {
    let (mut plan, stream) = Plan::split(data);
    // As in a connection, the limit changes with the phase.
    let bounds = [bound(plan.next()), bound(plan.next())];
    let bound_of = |line: usize| if line < 2 { bounds[0] } else { bounds[1] };
    let mut decoder = LineDecoder::new(0);
    let mut found = Found::default();
    let mut rest = stream;
    while !rest.is_empty() && !found.too_long {
        let (piece, behind) = rest.split_at(plan.size().min(rest.len()));
        decoder.feed(piece);
        rest = behind;
        let most = bounds[0].max(bounds[1]);
        assert!(decoder.buffered() <= 2 * most + piece.len(), "memory is bounded");
        assert!(!found.take(&mut decoder, bound_of), "the stream has not ended");
    }
    decoder.feed_eof();
    decoder.feed(b"too late\n");
    let ended = found.take(&mut decoder, bound_of);
    assert_eq!(ended, !found.too_long);

    let naive = lines(stream);
    let short = naive.iter().enumerate().position(|(at, line)| line.len() > bound_of(at));
    assert_eq!(found.lines, naive.get(..short.unwrap_or(naive.len())).unwrap_or_default());
    assert_eq!(found.too_long, short.is_some());
    let cut = stream.last().is_some_and(|&byte| byte != b'\n');
    assert_eq!(found.cut, cut && !found.too_long);

    for line in naive {
        readers(line);
    }
}

fn bound(choice: u8) -> usize {
    usize::from(choice & 0x7f) * if choice < 128 { 1 } else { 512 }
}

#[derive(Default)]
struct Found {
    lines: Vec<Vec<u8>>,
    /// The last line was unterminated.
    cut: bool,
    too_long: bool,
}

impl Found {
    /// Takes the complete lines. Returns `true` at the end of the stream.
    fn take(&mut self, decoder: &mut LineDecoder, bound_of: impl Fn(usize) -> usize) -> bool {
        loop {
            decoder.set_max_len(bound_of(self.lines.len()));
            match decoder.next_line() {
                Ok(Line::Complete(line)) => self.lines.push(line.to_owned()),
                Ok(Line::Unterminated(line)) => {
                    self.lines.push(line.to_owned());
                    self.cut = true;
                }
                Ok(Line::Incomplete) => return false,
                Ok(Line::Eof) => return true,
                Err(LineTooLong) => {
                    assert_eq!(decoder.next_line(), Err(LineTooLong), "the error is permanent");
                    self.too_long = true;
                    return false;
                }
            }
        }
    }
}

fn readers(line: &[u8]) {
    let _ = ServerMessage::read(line);
    for kdf in [RoomKind::Classic, RoomKind::Strict] {
        let _ = ServerMessage::read_sealed(line, kdf);
        if let Ok(ClientMessage::Request(Request::Message(token))) =
            wire::read_sealed_request(line, kdf)
        {
            assert_eq!(wire::read_request(line), Ok(Some(Request::Message(token))));
        }
    }
    if let Ok(hello) = wire::read_hello(line, SupportedVersions::Both) {
        let again = hello.a.as_deref().map(|a| wire::srp_init(&hello.name, a, None));
        let again =
            again.and_then(|frame| wire::read_hello(frame.bytes(), SupportedVersions::Both).ok());
        assert_eq!(
            again.map(|again| (again.name, again.a)),
            hello.a.map(|a| (hello.name, Some(a)))
        );
    }
    let _ = wire::read_proof(line, ProtocolVersion::V1, "00000000-0000-4000-8000-000000000000");
    if let Ok(Some(Request::Message(token))) = wire::read_request(line) {
        let again = wire::message(&token);
        assert_eq!(wire::read_request(again.bytes()), Ok(Some(Request::Message(token))));
    }
    let ours = strict::fields(line, ["type", "A"]);
    match serde_json::from_slice(line) {
        Ok(Json::Object(members)) => {
            for (name, field) in ["type", "A"].into_iter().zip(ours.unwrap_or_default()) {
                assert_eq!(field, expected(members.get(name)));
            }
        }
        Ok(_) => assert_eq!(ours, Err(JsonError::NotAnObject)),
        // The reader accepts fewer lines, because it also checks parts that are
        // skipped here.
        Err(_) => {}
    }
}

fn expected(json: Option<&Json>) -> Field {
    let truthy = match json {
        None => return Field::Absent,
        Some(Json::String(text)) => return Field::Text(text.clone()),
        Some(Json::Null) => false,
        Some(Json::Bool(truthy)) => *truthy,
        Some(Json::Number(number)) => number.as_f64() != Some(0.0),
        Some(Json::Array(elements)) => !elements.is_empty(),
        Some(Json::Object(members)) => !members.is_empty(),
    };
    if truthy { Field::Truthy } else { Field::Falsy }
}
