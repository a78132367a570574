use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

/// Returns the expected value for a line that `serde_json` wrote.
fn expected(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => Value::Number(number.to_string()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(elements) => Value::List(elements.iter().map(expected).collect()),
        Json::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.clone(), expected(value))).collect(),
        ),
    }
}

fn json() -> impl Strategy<Value = Json> {
    let number = any::<f64>().prop_map(|number| serde_json::Number::from_f64(number).into());
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        number,
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(8, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn lenient_json_reads_serde_json_output(json in json()) {
        prop_assert_eq!(read(json.to_string().as_bytes()), Some(expected(&json)));
        prop_assert_eq!(read(format!(" {json:#}\r\n").as_bytes()), Some(expected(&json)));
    }

    #[test]
    fn lenient_json_accepts_serde_json_input(line in "[\\[\\]{}\":,\\\\ u0189dDc.eE+tnr-]{0,24}") {
        if let Ok(json) = serde_json::from_str::<Json>(&line) {
            let ours = read(line.as_bytes());
            prop_assert!(ours.is_some());
            if json.is_string() {
                prop_assert_eq!(ours, Some(expected(&json)));
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = read(&line).map(|value| value.to_text());
        prop_assert!(text.is_none_or(|text| text.chars().count() <= 201));
    }

    #[test]
    fn random_json_characters_never_panic(line in "[\\[\\]{}\":,\\\\u0-9a-fA-FINy.eE+ \u{0}\u{feff}ß-]{0,60}") {
        let text = read(line.as_bytes()).map(|value| value.to_text());
        prop_assert!(text.is_none_or(|text| text.chars().count() <= 201));
    }
}

#[test]
fn surrogates() {
    assert_eq!(read(br#""\ud83d\ude00""#), text("\u{1f600}"));
    assert_eq!(read(br#""\uDBFF\uDFFF""#), text("\u{10ffff}"));
    assert_eq!(read(br#""a\ud800b\udfffc""#), text("a\u{fffd}b\u{fffd}c"));
    assert_eq!(read(br#""\ud800\ud83d\ude00""#), text("\u{fffd}\u{1f600}"));
    assert_eq!(read(br#""\ud800\n\udc00\ud800""#), text("\u{fffd}\n\u{fffd}\u{fffd}"));
    assert_eq!(read(br#""\ud800\u0041""#), text("\u{fffd}A"));
    assert_eq!(read(br#""\ud800\u+041""#), None);
}

#[test]
fn python_only_json_is_accepted() {
    assert_eq!(
        read(b"[NaN, Infinity, -Infinity]"),
        Some(Value::List(vec![Value::Null, Value::Null, Value::Null]))
    );
    let digits = format!("-{}", "7".repeat(5_000));
    let kept = format!("-{}…", "7".repeat(39));
    assert_eq!(read(digits.as_bytes()), Some(Value::Number(kept)));
    assert_eq!(read(b"1e999999999999"), Some(Value::Number("1e999999999999".to_owned())));
}

/// Every recorded line of the Python server, including those that malformed input caused.
#[test]
fn python_server_lines_are_parsed() {
    let mut read_lines = 0;
    for event in include_str!("../../../../../tests/vectors/transcripts_v1.jsonl").lines() {
        let event: Json = serde_json::from_str(event).unwrap();
        if let ("s2c", Some(line)) = (event["event"].as_str().unwrap(), event["line"].as_str()) {
            let value = read(line.as_bytes());
            assert!(matches!(value, Some(Value::Object(_))), "{line}");
            if let Ok(json) = serde_json::from_str::<Json>(line) {
                for (name, member) in json.as_object().unwrap() {
                    let ours = value.as_ref().unwrap().get(name).unwrap();
                    assert_eq!(ours.as_text(), member.as_str(), "{line}");
                }
            }
            read_lines += 1;
        }
    }
    assert_eq!(read_lines, 249);
}

#[test]
fn lenient_json_accepts_invalid_bytes() {
    assert_eq!(read(b"\"a\xff\xc3b\""), text("a\u{fffd}\u{fffd}b"));
    assert_eq!(read(b"\"\x00\x1b[2J\n\""), text("\0\u{1b}[2J\n"));
    assert_eq!(read(b"\xef\xbb\xbf \"x\" "), text("x"));
}

#[test]
fn lenient_json_uses_the_last_duplicate_key() {
    let value = read(br#"{"a": 1, "b": "x", "a": "2"}"#).unwrap();
    assert_eq!(value.get("a").and_then(Value::as_text), Some("2"));
    assert_eq!(value.get("b").and_then(Value::as_text), Some("x"));
    assert_eq!(value.get("c"), None);
    assert_eq!(read(b"[]").unwrap().get("a"), None);
}

#[test]
fn lenient_json_rejects_invalid_input() {
    for line in [
        "",
        " ",
        "\u{feff}",
        "nul",
        "nullx",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1]",
        "[",
        "]",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12",
        "\"\\u12g4\"",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "-Inf",
        "1 1",
        "{} x",
        "'a'",
        "\u{fffd}",
        "ß",
    ] {
        assert_eq!(read(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn nesting_beyond_64_levels_reads_as_null() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let depth = |mut value: &Value| {
        let mut depth = 0;
        while let Some(elements) = value.as_list() {
            depth += 1;
            let Some(inner) = elements.first() else {
                return (depth, None);
            };
            value = inner;
        }
        (depth, Some(value.clone()))
    };
    assert_eq!(depth(&read(nested(64).as_bytes()).unwrap()), (64, None));
    assert_eq!(depth(&read(nested(65).as_bytes()).unwrap()), (64, Some(Value::Null)));
    assert_eq!(depth(&read(nested(200).as_bytes()).unwrap()), (64, Some(Value::Null)));

    let neighbours = format!("{{\"before\":\"b\",\"deep\":{},\"after\":\"a\"}}", nested(300));
    let value = read(neighbours.as_bytes()).unwrap();
    assert_eq!(value.get("before").and_then(Value::as_text), Some("b"));
    assert_eq!(value.get("after").and_then(Value::as_text), Some("a"));

    let skipped = format!("{}{{\"a\":[\"]\",{{}}],\"b\":0}}{}", "[".repeat(80), "]".repeat(80));
    assert!(read(skipped.as_bytes()).is_some());
    let crossed = format!("{}{{]{}", "[".repeat(80), "]".repeat(80));
    assert_eq!(read(crossed.as_bytes()), None);
}

/// Recursion would overflow the stack here, and quadratic time would take hours.
#[test]
fn deep_nesting_takes_linear_time() {
    let open = "[".repeat(4_000_000);
    assert_eq!(read(open.as_bytes()), None);
    assert!(read(format!("{open}{}", "]".repeat(4_000_000)).as_bytes()).is_some());
    assert_eq!(read("{\"\":".repeat(200_000).as_bytes()), None);
}

#[test]
fn any_value_renders_as_bounded_text() {
    let shown = |line: &str| read(line.as_bytes()).unwrap().to_text();
    assert_eq!(shown("\"Ann [x]\""), "Ann [x]");
    assert_eq!(
        shown(" { \"a\" : [ 1, null, true, \"b\" ], \"c\": {}, \"d\": [] } "),
        r#"{"a":[1,null,true,"b"],"c":{},"d":[]}"#
    );
    let long = shown(&format!("[{}false]", "false, ".repeat(10_000)));
    assert_eq!(long.chars().count(), 201);
    assert!(long.ends_with('…'));
    assert_eq!(shown(&format!("\"{}\"", "ß".repeat(200))), "ß".repeat(200));
}
