//! A lenient JSON parser for lines of a Python server (PROTOCOL 3.3). Such a server relays input
//! from members that a strict parser rejects, and no line may end the session.
//!
//! The parser does not recurse: open containers are kept in a list, and those nested too deeply
//! only as one byte each. Time is linear in the length of any line. Memory is at worst about
//! fifty bytes per byte of the line (`[0,0,0,…`); for chat lines it is about the line's length.

/// Any JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`; also `NaN`, `Infinity`, `-Infinity`, and lists and objects nested more than 64
    /// levels deep.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as written, so that it cannot overflow; truncated to 40 characters and `…`.
    Number(String),
    /// A string with its escapes resolved; an unpaired surrogate becomes U+FFFD.
    Text(String),
    /// The elements in order.
    List(Vec<Self>),
    /// The members in order, including repeated names; see [`Value::get`].
    Object(Vec<(String, Self)>),
}

/// Parses one line. Bytes that are not UTF-8 become U+FFFD, a leading byte order mark is skipped,
/// and control characters inside strings are kept. Returns `None` if the line is still not JSON.
#[must_use]
pub fn read(line: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Reader { text, at: 0 }.document()
}

impl Value {
    /// Returns the member called `name`, if this is an object that has one; the last if it has
    /// several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Returns the string, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the boolean, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// Returns the number, if this is a non-negative integer that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Number(digits) = self { digits.parse().ok() } else { None }
    }

    /// Returns the elements, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(elements) = self { Some(elements) } else { None }
    }

    /// Returns a textual form, for example for a name that is not a string. A string is returned
    /// as it is; any other value approximately as JSON. The result is truncated to 200 characters
    /// and `…`. It is as untrusted as the value.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = Cut::new(TEXT_CHARS);
        // Reaching the limit is not an error: the text is then truncated.
        let _ = if let Self::Text(own) = self { text.push(own) } else { text.value(self) };
        text.text
    }
}

/// Maximum nesting depth; deeper containers become null.
const DEPTH: usize = 64;
const NUMBER_CHARS: usize = 40;
const TEXT_CHARS: usize = 200;

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn document(mut self) -> Option<Value> {
        let mut nest = Nest::default();
        loop {
            self.space();
            let mut value = match self.peek()? {
                bracket @ (b'[' | b'{') => {
                    self.at += 1;
                    nest.open(bracket);
                    self.space();
                    if let end @ (b']' | b'}') = self.peek()? {
                        self.at += 1;
                        nest.close(end)?
                    } else {
                        self.name(&mut nest)?;
                        continue;
                    }
                }
                b'"' => Value::Text(self.string()?),
                b'n' => self.word("null", Value::Null)?,
                b't' => self.word("true", Value::Bool(true))?,
                b'f' => self.word("false", Value::Bool(false))?,
                b'N' => self.word("NaN", Value::Null)?,
                b'I' => self.word("Infinity", Value::Null)?,
                _ => self.number()?,
            };
            // The value is complete, and so is each container that ends directly after it.
            loop {
                self.space();
                if nest.is_empty() {
                    return (self.at == self.text.len()).then_some(value);
                }
                nest.put(value);
                match self.next()? {
                    b',' => {
                        self.space();
                        self.name(&mut nest)?;
                        break;
                    }
                    end => value = nest.close(end)?,
                }
            }
        }
    }

    /// Parses the name of the next member and its colon, if the innermost container is an object.
    fn name(&mut self, nest: &mut Nest) -> Option<()> {
        if nest.in_object() {
            if self.peek()? != b'"' {
                return None;
            }
            nest.name(self.string()?);
            self.space();
            if self.next()? != b':' {
                return None;
            }
        }
        Some(())
    }

    /// Parses a string from its opening quote to its closing one.
    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = self.text.get(self.at..)?;
            let plain = rest.find(['"', '\\'])?;
            string.push_str(rest.get(..plain)?);
            self.at += plain;
            if self.next()? == b'"' {
                return Some(string);
            }
            string.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                let behind = self.at;
                if (0xd800..0xdc00).contains(&first) && self.eat(b'\\') && self.eat(b'u') {
                    let second = self.hex4()?;
                    if (0xdc00..0xe000).contains(&second) {
                        return char::from_u32(
                            0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                        );
                    }
                }
                self.at = behind;
                char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            itself @ (b'"' | b'\\' | b'/') => char::from(itself),
            _ => return None,
        })
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut value = 0;
        for _ in 0..4 {
            value = value * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(value)
    }

    fn number(&mut self) -> Option<Value> {
        let from = self.at;
        if self.eat(b'-') && self.peek()? == b'I' {
            return self.word("Infinity", Value::Null);
        }
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        let mut number = Cut::new(NUMBER_CHARS);
        let _ = number.push(self.text.get(from..self.at)?);
        Some(Value::Number(number.text))
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        let found = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(value)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// The lists and objects that are open.
#[derive(Default)]
struct Nest {
    /// Outermost first, at most [`DEPTH`].
    kept: Vec<Open>,
    /// Opening brackets of the deeper containers: one byte each, so that a million of them take
    /// a million bytes.
    skipped: Vec<u8>,
}

enum Open {
    List(Vec<Value>),
    /// The members so far, and the name of the next.
    Object(Vec<(String, Value)>, String),
}

impl Nest {
    fn open(&mut self, bracket: u8) {
        if self.kept.len() == DEPTH {
            self.skipped.push(bracket);
        } else if bracket == b'{' {
            self.kept.push(Open::Object(Vec::new(), String::new()));
        } else {
            self.kept.push(Open::List(Vec::new()));
        }
    }

    /// Closes the innermost container and returns it, if `bracket` is the matching one.
    fn close(&mut self, bracket: u8) -> Option<Value> {
        if bracket != if self.in_object() { b'}' } else { b']' } {
            return None;
        }
        if self.skipped.pop().is_some() {
            return Some(Value::Null);
        }
        // Spare capacity is released: in a line of many small lists it would be most of the memory.
        Some(match self.kept.pop()? {
            Open::List(mut elements) => {
                elements.shrink_to_fit();
                Value::List(elements)
            }
            Open::Object(mut members, _) => {
                members.shrink_to_fit();
                Value::Object(members)
            }
        })
    }

    fn put(&mut self, value: Value) {
        if self.skipped.is_empty() {
            match self.kept.last_mut() {
                Some(Open::List(elements)) => elements.push(value),
                Some(Open::Object(members, name)) => members.push((std::mem::take(name), value)),
                None => {}
            }
        }
    }

    fn name(&mut self, next: String) {
        if let (true, Some(Open::Object(_, name))) = (self.skipped.is_empty(), self.kept.last_mut())
        {
            *name = next;
        }
    }

    fn in_object(&self) -> bool {
        match self.skipped.last() {
            Some(bracket) => *bracket == b'{',
            None => matches!(self.kept.last(), Some(Open::Object(..))),
        }
    }

    const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// A string limited to `room` characters. Methods return `None` once the limit is reached.
struct Cut {
    text: String,
    room: usize,
}

impl Cut {
    const fn new(room: usize) -> Self {
        Self { text: String::new(), room }
    }

    fn push(&mut self, part: &str) -> Option<()> {
        if let Some((end, _)) = part.char_indices().nth(self.room) {
            self.text.push_str(part.get(..end)?);
            self.text.push('…');
            self.room = 0;
            return None;
        }
        self.room -= part.chars().count();
        self.text.push_str(part);
        Some(())
    }

    fn value(&mut self, value: &Value) -> Option<()> {
        match value {
            Value::Null => self.push("null"),
            Value::Bool(true) => self.push("true"),
            Value::Bool(false) => self.push("false"),
            Value::Number(digits) => self.push(digits),
            Value::Text(text) => self.quoted(text),
            Value::List(elements) => {
                let mut before = "[";
                for element in elements {
                    self.push(before)?;
                    self.value(element)?;
                    before = ",";
                }
                self.push(if elements.is_empty() { "[]" } else { "]" })
            }
            Value::Object(members) => {
                let mut before = "{";
                for (name, member) in members {
                    self.push(before)?;
                    self.quoted(name)?;
                    self.push(":")?;
                    self.value(member)?;
                    before = ",";
                }
                self.push(if members.is_empty() { "{}" } else { "}" })
            }
        }
    }

    fn quoted(&mut self, text: &str) -> Option<()> {
        self.push("\"")?;
        self.push(text)?;
        self.push("\"")
    }
}

#[cfg(test)]
mod tests;
