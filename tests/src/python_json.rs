//! JSON in the format of the Python program.

use std::io;

use serde::Serialize as _;
use serde_json::{Value, ser::Formatter};

/// Formats `value` as Python's `json.dumps` does: `", "` and `": "` between the parts, and
/// all characters outside ASCII as `\u` escapes. Adds no line feed.
///
/// # Panics
///
/// Never panics: the value is written to memory.
#[must_use]
pub fn python_json(value: &Value) -> String {
    let mut line = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut line, Python);
    value.serialize(&mut writer).expect("memory takes everything");
    String::from_utf8(line).expect("all of it is ASCII")
}

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if c.is_ascii() {
                write!(writer, "{c}")?;
            } else {
                for half in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{half:04x}")?;
                }
            }
        }
        Ok(())
    }
}
