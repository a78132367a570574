//! A tolerant JSON reader, for what a Python server sends (PROTOCOL 3.3): it
//! passes on from members what a strict reader stumbles over, and no line may
//! end a client.
//!
//! It never recurses: the containers it is inside lie in a list, and those
//! nested too deeply are only counted. Time is linear in the line, whatever
//! the line. Memory is some fifty bytes for a byte of the line at worst
//! (`[0,0,0,…`); for the lines of a chat it is about the line.

/// Any JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`; also `NaN`, `Infinity`, `-Infinity`, and lists and objects
    /// nested more than 64 deep.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// As written, so that it cannot overflow; cut after 40 characters, with `…`.
    Number(String),
    /// Text, its escapes resolved; half a surrogate pair is U+FFFD.
    Text(String),
    /// The elements in order.
    List(Vec<Self>),
    /// The members in order, repeated names included; see [`Value::get`].
    Object(Vec<(String, Self)>),
}

/// Reads one line. Bytes that are not UTF-8 count as U+FFFD, a leading
/// byte order mark is skipped, control characters inside texts are taken as
/// they are. `None` if it is not JSON even so.
#[must_use]
pub fn read(line: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Reader { text, at: 0 }.document()
}

impl Value {
    /// The member called `name`, if this is an object that has one; the last
    /// if it has several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if this is one without a fraction and not below zero.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Number(digits) = self { digits.parse().ok() } else { None }
    }

    /// The elements, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(elements) = self { Some(elements) } else { None }
    }

    /// Something to call it by, say where a name should be: a text as it is,
    /// anything else about as JSON writes it. Cut after 200 characters, with
    /// `…`. As untrusted as the value.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = Cut::new(TEXT_CHARS);
        // The end of the room is no failure: the text is complete, or cut.
        let _ = if let Self::Text(own) = self { text.push(own) } else { text.value(self) };
        text.text
    }
}

/// Nesting that is read; what lies deeper is null.
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
            // The value is complete, and so is each container that ends right behind it.
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

    /// The name of the next member and its colon, if this is an object.
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

    /// From the opening quote to the closing one.
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
    /// The opening brackets of what lies deeper: one byte each, so that
    /// a million of them are a million bytes.
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

    /// The innermost one as a value, if `bracket` is the one that ends it.
    fn close(&mut self, bracket: u8) -> Option<Value> {
        if bracket != if self.in_object() { b'}' } else { b']' } {
            return None;
        }
        if self.skipped.pop().is_some() {
            return Some(Value::Null);
        }
        // The room to grow is given back: in a line of many small lists it would be most of the memory.
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

/// A text with room for so many characters; `None` says that it is used up.
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
