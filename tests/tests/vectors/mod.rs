//! Access to the parts of `tests/vectors`.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;

use serde_json::Value;

pub(crate) fn file(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Returns the non-empty list `field`.
pub(crate) fn list<'a>(file: &'a Value, field: &str) -> &'a [Value] {
    file[field].as_array().unwrap()
}

/// Returns Wycheproof's tests, each with its group.
pub(crate) fn groups(file: &Value) -> Vec<(&Value, &Value)> {
    let groups = list(file, "testGroups").iter();
    groups.flat_map(|group| list(group, "tests").iter().map(move |case| (group, case))).collect()
}

pub(crate) fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

pub(crate) fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(case, field)).unwrap()
}
