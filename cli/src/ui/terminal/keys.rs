//! Keys that terminals send as escape sequences.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Returns the key of a C0 control or DEL.
pub(super) fn control(byte: u8) -> KeyEvent {
    let control = |letter: u8| KeyEvent::new(KeyCode::Char(letter.into()), KeyModifiers::CONTROL);
    match byte {
        b'\r' => KeyCode::Enter.into(),
        b'\t' => KeyCode::Tab.into(),
        0x1B => KeyCode::Esc.into(),
        0x08 | 0x7F => KeyCode::Backspace.into(),
        // The same names as on Windows, where Ctrl+\ may be Ctrl+4.
        0x1C..=0x1F => control(byte - 0x1C + b'4'),
        0 => control(b' '),
        _ => control(byte - 1 + b'a'),
    }
}

/// Returns the key of the SS3 sequence `ESC O last`.
pub(super) fn ss3(last: u8) -> Option<KeyEvent> {
    // The keypad's Enter.
    if last == b'M' { Some(KeyCode::Enter.into()) } else { cursor_key(last).map(KeyEvent::from) }
}

/// Returns the key of a CSI sequence with these parameters.
pub(super) fn csi(parameters: &str, last: u8) -> Option<KeyEvent> {
    // A parameter may have parts after colons, which add nothing here.
    let numbers = parameters.split(';').map(|part| part.split(':').next()?.parse().ok());
    let numbers: Vec<Option<u32>> = numbers.collect();
    let number = |at: usize| numbers.get(at).copied().flatten();
    let (code, modifiers) = match (last, number(0)) {
        // xterm with modifyOtherKeys
        (b'~', Some(27)) => (unicode(number(2)?)?, number(1)),
        (b'~', Some(key)) => (numbered(key)?, number(1)),
        (b'u', Some(point)) => (unicode(point)?, number(1)),
        (b'Z', _) => (KeyCode::BackTab, Some(2)),
        _ => (cursor_key(last)?, number(1)),
    };
    Some(KeyEvent::new(code, self::modifiers(modifiers.unwrap_or(1))))
}

/// Returns the function key of the Linux console, `ESC [ [ last`.
pub(super) fn linux_function_key(last: u8) -> Option<KeyEvent> {
    matches!(last, b'A'..=b'E').then(|| KeyCode::F(last - b'A' + 1).into())
}

const fn cursor_key(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

fn numbered(key: u32) -> Option<KeyCode> {
    Some(match key {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(u8::try_from(key - 10).ok()?),
        17..=21 => KeyCode::F(u8::try_from(key - 11).ok()?),
        23..=24 => KeyCode::F(u8::try_from(key - 12).ok()?),
        _ => return None,
    })
}

fn unicode(point: u32) -> Option<KeyCode> {
    Some(match char::from_u32(point)? {
        '\r' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        '\u{1B}' => KeyCode::Esc,
        '\u{7F}' | '\u{8}' => KeyCode::Backspace,
        // The kitty protocol numbers keys without a character from here.
        '\u{E000}'..='\u{F8FF}' => return None,
        letter => KeyCode::Char(letter),
    })
}

/// Decodes the sum of modifiers that xterm defined.
fn modifiers(sum: u32) -> KeyModifiers {
    let bits = sum.saturating_sub(1);
    let known = [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
        (8, KeyModifiers::SUPER),
    ];
    known.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, modifier)| modifier).collect()
}
