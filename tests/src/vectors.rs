//! Access to the recorded data in `tests/vectors`.

use std::{fs, path::Path};

use serde_json::Value;

/// Returns the JSON file `name` of `tests/vectors`.
///
/// # Panics
///
/// Panics if the file does not exist or is not JSON: the test has nothing to test.
#[must_use]
pub fn vectors(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the recorded transcripts of the Python program, one object per event.
#[must_use]
pub fn recordings() -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}"));
    text("transcripts_v1.jsonl").lines().map(parse).collect()
}

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
