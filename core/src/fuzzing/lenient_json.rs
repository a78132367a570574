use serde_json::Value as Json;

use crate::{
    wire::json::lenient::{self, Value},
    wire::server_message::ServerMessage,
};

/// Maximum nesting depth that the reader keeps.
const DEPTH: usize = 64;

/// Checks the lenient JSON reader. It reads any bytes without a panic. For a line
/// that serde_json accepts, it returns the same value, down to the depth that is
/// kept.
pub fn lenient_json(data: &[u8]) {
    let ours = lenient::read(data);
    if let Some(value) = &ours {
        assert!(value.to_text().chars().count() <= 201, "short enough for a name");
    }
    if let Ok(json) = serde_json::from_slice::<Json>(data) {
        assert!(ours.is_some_and(|ours| same(&ours, &json, 0)));
    }
    let _ = ServerMessage::read(data);
}

/// Compares two values. `depth` is the number of containers around them.
fn same(ours: &Value, json: &Json, depth: usize) -> bool {
    match (ours, json) {
        (Value::Null, Json::Null) => true,
        (Value::Null, Json::Array(_) | Json::Object(_)) => depth >= DEPTH,
        (Value::Bool(ours), Json::Bool(json)) => ours == json,
        (Value::Text(ours), Json::String(json)) => ours == json,
        (Value::Number(ours), Json::Number(json)) => same_number(ours, json),
        (Value::List(ours), Json::Array(json)) => {
            depth < DEPTH
                && ours.len() == json.len()
                && ours.iter().zip(json).all(|(ours, json)| same(ours, json, depth + 1))
        }
        (Value::Object(members), Json::Object(json)) => {
            depth < DEPTH
                && members.iter().all(|(name, _)| json.contains_key(name))
                && json.iter().all(|(name, json)| {
                    ours.get(name).is_some_and(|ours| same(ours, json, depth + 1))
                })
        }
        _ => false,
    }
}

fn same_number(ours: &str, json: &serde_json::Number) -> bool {
    if ours.ends_with('…') {
        return ours.chars().count() == 41;
    }
    if json.is_u64() || json.is_i64() {
        return ours == json.to_string();
    }
    // serde_json rounds while it parses, so the last digits may differ. For the
    // same reason it accepts slightly larger numbers as the largest one.
    let (Ok(ours), Some(json)) = (ours.parse::<f64>(), json.as_f64()) else { return false };
    (ours.clamp(f64::MIN, f64::MAX) - json).abs() <= json.abs() * 1e-12 + f64::MIN_POSITIVE
}
