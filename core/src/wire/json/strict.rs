//! The servers' JSON parser: strict about the syntax, but indifferent to fields it does not need
//! (PROTOCOL 3.3, last lines).
//!
//! [`fields`] extracts a few keys of one object and skips all other values without building them,
//! so that neither nesting nor size costs memory. [`object`] is for protocol 2, where a duplicate
//! key is an error.

use std::{collections::BTreeSet, fmt};

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};

use crate::wire::json::lenient::Value;

/// The value of one key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Field {
    /// The key is absent.
    #[default]
    Absent,
    /// A string.
    Text(String),
    /// A non-string that is false in Python: `null`, `false`, a zero, `[]`, `{}`.
    Falsy,
    /// A non-string that is true in Python.
    Truthy,
}

impl Field {
    /// Returns whether the value is absent or false in Python.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::Absent | Self::Falsy => true,
            Self::Text(text) => text.is_empty(),
            Self::Truthy => false,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Falsy | Self::Truthy => None,
        }
    }
}

/// The reason why a line has no fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    NotUtf8,
    NotJson,
    NotAnObject,
}

/// Returns the values of `keys` in the object that `line` contains. Of duplicate keys, the last
/// one counts.
pub(crate) fn fields<const N: usize>(
    line: &[u8],
    keys: [&'static str; N],
) -> Result<[Field; N], JsonError> {
    let text = std::str::from_utf8(line).map_err(|_| JsonError::NotUtf8)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader
        .deserialize_any(Wanted { keys })
        .and_then(|found| reader.end().map(|()| found))
        .map_err(|_| JsonError::NotJson)?;
    found.ok_or(JsonError::NotAnObject)
}

/// Parses `line` as exactly one object. Returns `None` for any other value, a duplicate key at
/// any depth (PROTOCOL 3.3, protocol 2), or more than 128 levels of nesting.
pub(crate) fn object(line: &[u8]) -> Option<Value> {
    // Surrounding whitespace is rejected too.
    if !matches!(line, [b'{', .., b'}']) {
        return None;
    }
    let Unrepeated(value) = serde_json::from_slice(line).ok()?;
    Some(value)
}

/// A JSON value without duplicate keys.
struct Unrepeated(Value);

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnrepeatedVisitor).map(Self)
    }
}

struct UnrepeatedVisitor;

impl<'de> Visitor<'de> for UnrepeatedVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value without repeated keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // `Debug` keeps the decimal point, so that the number is not mistaken for an integer.
        Ok(Value::Number(format!("{value:?}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Unrepeated(element)) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Value::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut keys, mut members) = (BTreeSet::new(), Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom("a key stands twice"));
            }
            let Unrepeated(value) = map.next_value()?;
            members.push((key, value));
        }
        Ok(Value::Object(members))
    }
}

/// Visitor of the whole line: returns `Some` for an object, `None` for any other JSON value.
struct Wanted<const N: usize> {
    keys: [&'static str; N],
}

impl<'de, const N: usize> Visitor<'de> for Wanted<N> {
    type Value = Option<[Field; N]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = std::array::from_fn(|_| Field::Absent);
        while let Some(key) = map.next_key_seed(OneOf(&self.keys))? {
            match key.and_then(|place| found.get_mut(place)) {
                Some(field) => *field = map.next_value()?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some(found))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        drain(seq).map(|_| None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Deserializer of a key to its index among these keys, if it is one of them.
struct OneOf<'a>(&'a [&'static str]);

impl<'de> DeserializeSeed<'de> for OneOf<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OneOf<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|wanted| *wanted == key))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

const fn truth<E>(truthy: bool) -> Result<Field, E> {
    Ok(if truthy { Field::Truthy } else { Field::Falsy })
}

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Field, E> {
        truth(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Field, E> {
        truth(value != 0)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Field, E> {
        truth(value != 0)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Field, E> {
        truth(value != 0.0)
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        truth(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Field, A::Error> {
        truth(drain(seq)? > 0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        let mut entries = 0_usize;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            entries += 1;
        }
        truth(entries > 0)
    }
}

fn drain<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<usize, A::Error> {
    let mut elements = 0;
    while seq.next_element::<IgnoredAny>()?.is_some() {
        elements += 1;
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(line: &str) -> Result<Field, JsonError> {
        fields(line.as_bytes(), ["text"]).map(|[field]| field)
    }

    #[test]
    fn non_string_fields_are_truthy_or_falsy() {
        assert_eq!(text_of(r#"{"text":"a\u00e9"}"#), Ok(Field::Text("aé".into())));
        assert_eq!(text_of("{}"), Ok(Field::Absent));
        for falsy in ["null", "false", "0", "-0.0", "[]", "{}"] {
            assert_eq!(text_of(&format!(r#"{{"text":{falsy}}}"#)), Ok(Field::Falsy), "{falsy}");
        }
        for truthy in ["true", "5", "-1", "0.1", "[0]", r#"{"a":null}"#] {
            assert_eq!(text_of(&format!(r#"{{"text":{truthy}}}"#)), Ok(Field::Truthy), "{truthy}");
        }
    }

    #[test]
    fn strict_json_uses_the_last_duplicate_key() {
        assert_eq!(text_of(r#"{"text":"one","text":"two"}"#), Ok(Field::Text("two".into())));
    }

    #[test]
    fn non_object_json_errors_are_classified() {
        for other in ["[]", "[[1],{}]", "\"x\"", "5", "-5", "0.5", "null", "true"] {
            assert_eq!(text_of(other), Err(JsonError::NotAnObject), "{other}");
        }
        for broken in [
            "",
            "hello",
            "{",
            "{}x",
            "{} {}",
            "\u{feff}{}",
            "{\"text\":\"a\tb\"}",
            r#"{"text":"\ud800"}"#,
            "NaN",
        ] {
            assert_eq!(text_of(broken), Err(JsonError::NotJson), "{broken}");
        }
        assert_eq!(fields(b"{\"text\":\"\xff\"}", ["text"]), Err(JsonError::NotUtf8));
    }

    #[test]
    fn deep_nesting_does_not_overflow_strict_json() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert_eq!(text_of(&format!(r#"{{"text":{deep}}}"#)), Ok(Field::Truthy));
        assert_eq!(text_of(&deep), Err(JsonError::NotAnObject));
        assert_eq!(text_of(&"[".repeat(200_000)), Err(JsonError::NotJson));
    }
}
