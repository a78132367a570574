//! Decoder from terminal bytes to input events. It knows no clock: its caller tells
//! it when no byte has arrived for [`InputDecoder::timeout`].
//!
//! Theory of operation. A byte sequence may arrive in any number of pieces, so an
//! incomplete one is kept until it is completed or times out. A paste is text whatever
//! it contains. It ends with its end marker, or with a pause if there is none, and
//! includes text that follows its end at once. Several equal arrow keys at once are a
//! turn of the mouse wheel, which terminals report that way on the alternate screen.

use std::{collections::VecDeque, mem, time::Duration};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use zeroize::Zeroizing;

use crate::ui::{
    keymap::{Action, EditAction, ScrollAction},
    terminal::{TerminalEvent, keys},
};

const ESC: u8 = 0x1B;
const PASTE_END: &[u8] = b"\x1B[201~";
/// Time after which an Esc that nothing follows is the Esc key.
const LONE_ESC: Duration = Duration::from_millis(50);
/// Time after which any other incomplete sequence is dropped.
const INCOMPLETE: Duration = Duration::from_millis(500);
/// Pause that ends a paste without an end marker.
const PASTE_PAUSE: Duration = Duration::from_secs(1);
/// Time in which text after the end of a paste still belongs to it.
const AFTER_PASTE: Duration = Duration::from_millis(50);
/// Time in which the arrow keys of one turn of the wheel arrive.
const WHEEL: Duration = Duration::from_millis(10);
/// Minimum number of arrow keys for one turn of the wheel.
const WHEEL_KEYS: usize = 3;
/// Maximum size of a paste that is kept. A draft takes less.
const PASTE_BYTES: usize = 256 << 10;
/// Maximum length of an escape sequence.
const SEQUENCE: usize = 64;

/// The decoder with its incomplete input.
#[derive(Default)]
pub(super) struct InputDecoder {
    /// Bytes that are not decoded yet.
    pending: Zeroizing<Vec<u8>>,
    paste: PasteState,
    /// The last key was an Esc that timed out. The rest of its sequence may follow.
    after_esc: bool,
    /// The pending sequence began with such an Esc.
    resumed: bool,
    /// Arrow keys that may belong to a turn of the wheel: up or down, and their number.
    arrows: Option<(EditAction, usize)>,
    events: VecDeque<TerminalEvent>,
}

#[derive(Default)]
enum PasteState {
    #[default]
    None,
    /// The end marker has not arrived.
    Open(Zeroizing<Vec<u8>>),
    /// The end marker has arrived, and more text may follow.
    Ended(Zeroizing<Vec<u8>>),
    /// The paste was delivered without an end marker.
    Overdue,
}

/// The result of decoding the first sequence.
enum Decoded {
    /// Its length, and its meaning if there is one.
    Whole(usize, Option<Sequence>),
    Incomplete,
}

enum Sequence {
    Key(KeyEvent),
    Focus(bool),
    PasteStart,
    PasteEnd,
}

impl InputDecoder {
    /// Decodes bytes that were read at once.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let was_after_esc = mem::take(&mut self.after_esc);
        match &mut self.paste {
            PasteState::Open(_) if bytes.iter().all(|byte| matches!(byte, 0x03 | 0x1C)) => {
                // The lock key and Ctrl+C work even if a paste never ends.
                self.deliver_paste(PasteState::Overdue);
            }
            PasteState::Overdue if is_text_with_lines(bytes) => {
                self.paste = PasteState::Open(Zeroizing::default());
            }
            PasteState::None | PasteState::Open(_) | PasteState::Ended(_) | PasteState::Overdue => {
            }
        }
        self.resumed = was_after_esc && continues_esc(bytes);
        if self.resumed {
            self.pending.push(ESC);
        }
        self.pending.extend_from_slice(bytes);
        self.decode();
    }

    /// Returns the next event.
    pub(super) fn poll_event(&mut self) -> Option<TerminalEvent> {
        self.events.pop_front()
    }

    /// Returns the time without a byte after which to call
    /// [`expire`](Self::expire).
    pub(super) fn timeout(&self) -> Option<Duration> {
        let pending = match &self.pending[..] {
            [] => None,
            [ESC] | [ESC, ESC] => Some(LONE_ESC),
            _ => Some(INCOMPLETE),
        };
        let paste = match self.paste {
            PasteState::Open(_) => Some(PASTE_PAUSE),
            PasteState::Ended(_) => Some(AFTER_PASTE),
            PasteState::None | PasteState::Overdue => None,
        };
        let arrows = self.arrows.map(|_| WHEEL);
        // Within a paste, an incomplete sequence is a part of it.
        [paste.or(pending), arrows].into_iter().flatten().min()
    }

    /// Resolves what is incomplete, because no byte has arrived for a time.
    pub(super) fn expire(&mut self) {
        if self.arrows.is_some() {
            return self.flush_arrows();
        }
        match self.paste {
            PasteState::Open(_) => {
                if let PasteState::Open(text) = &mut self.paste {
                    append(text, &mem::take(&mut *self.pending));
                }
                self.deliver_paste(PasteState::Overdue);
            }
            PasteState::Ended(_) => {
                self.deliver_paste(PasteState::None);
            }
            PasteState::None | PasteState::Overdue => self.expire_sequence(),
        }
    }

    fn expire_sequence(&mut self) {
        match &mem::take(&mut *self.pending)[..] {
            [ESC] => {
                self.after_esc = true;
                self.key(KeyCode::Esc.into());
            }
            [ESC, ESC] => {
                self.key(KeyCode::Esc.into());
                self.key(KeyCode::Esc.into());
            }
            [ESC, text @ ..] if self.resumed => self.text(text),
            // A part of a sequence means nothing.
            [] | [ESC, ..] => {}
            text => self.text(text),
        }
    }

    /// Decodes all complete sequences.
    fn decode(&mut self) {
        loop {
            if let PasteState::Open(text) = &mut self.paste {
                let end = self.pending.windows(PASTE_END.len()).position(|part| part == PASTE_END);
                let Some(end) = end else {
                    // The last bytes may be the beginning of the end marker.
                    let partial = (0..PASTE_END.len())
                        .rev()
                        .find(|&length| self.pending.ends_with(&PASTE_END[..length]))
                        .unwrap_or(0);
                    let whole = self.pending.len() - partial;
                    append(text, &self.pending[..whole]);
                    self.pending.drain(..whole);
                    return;
                };
                append(text, &self.pending[..end]);
                self.pending.drain(..end + PASTE_END.len());
                self.paste = PasteState::Ended(mem::take(text));
                continue;
            }
            match decode_first(&self.pending) {
                Decoded::Incomplete => return,
                Decoded::Whole(length, sequence) => {
                    let bytes = Zeroizing::new(self.pending.drain(..length).collect::<Vec<_>>());
                    self.sequence(&bytes, sequence);
                }
            }
        }
    }

    fn sequence(&mut self, bytes: &[u8], sequence: Option<Sequence>) {
        if let PasteState::Ended(text) = &mut self.paste {
            let is_text = bytes.first().is_some_and(|first| {
                !first.is_ascii_control() || matches!(first, b'\r' | b'\n' | b'\t')
            });
            if is_text {
                return append(text, bytes);
            }
            if matches!(sequence, Some(Sequence::PasteStart)) {
                self.paste = PasteState::Open(mem::take(text));
                return;
            }
            if !matches!(sequence, Some(Sequence::PasteEnd)) {
                self.deliver_paste(PasteState::None);
            }
        }
        match sequence {
            Some(Sequence::Key(key)) => self.key(key),
            Some(Sequence::Focus(has)) => self.push(TerminalEvent::Focus(has)),
            Some(Sequence::PasteStart) => self.paste = PasteState::Open(Zeroizing::default()),
            Some(Sequence::PasteEnd) => {
                if matches!(self.paste, PasteState::Overdue) {
                    self.paste = PasteState::None;
                }
            }
            None => {}
        }
    }

    /// Emits a key for each character of `bytes`. Invalid UTF-8 becomes U+FFFD.
    fn text(&mut self, bytes: &[u8]) {
        let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
        for letter in text.chars() {
            self.key(KeyCode::Char(letter).into());
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "two keys are special")]
    fn key(&mut self, key: KeyEvent) {
        let arrow = match key.code {
            KeyCode::Up if key.modifiers.is_empty() => EditAction::Up,
            KeyCode::Down if key.modifiers.is_empty() => EditAction::Down,
            _ => {
                if let Some(action) = Action::of(&key) {
                    self.push(TerminalEvent::Key(action));
                }
                return;
            }
        };
        match &mut self.arrows {
            Some((held, count)) if *held == arrow => *count += 1,
            Some(_) | None => {
                self.flush_arrows();
                self.arrows = Some((arrow, 1));
            }
        }
    }

    /// Emits the arrow keys that were held back.
    fn flush_arrows(&mut self) {
        let Some((arrow, count)) = self.arrows.take() else { return };
        let action = if count < WHEEL_KEYS {
            Action::Edit(arrow)
        } else if arrow == EditAction::Up {
            Action::Scroll(ScrollAction::RowUp)
        } else {
            Action::Scroll(ScrollAction::RowDown)
        };
        self.events.extend((0..count).map(|_| TerminalEvent::Key(action)));
    }

    fn push(&mut self, event: TerminalEvent) {
        self.flush_arrows();
        self.events.push_back(event);
    }

    /// Emits the current paste.
    fn deliver_paste(&mut self, next: PasteState) {
        if let PasteState::Open(text) | PasteState::Ended(text) =
            mem::replace(&mut self.paste, next)
        {
            let text = Zeroizing::new(String::from_utf8_lossy(&text).into_owned());
            self.push(TerminalEvent::Paste(text));
        }
    }
}

/// Appends to a paste, up to its maximum size.
fn append(paste: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let room = PASTE_BYTES.saturating_sub(paste.len());
    let bytes = &bytes[..bytes.len().min(room)];
    if paste.len() + bytes.len() > paste.capacity() {
        // `Vec` would leave a copy behind when it reallocates.
        let capacity = (paste.len() + bytes.len()).next_power_of_two();
        let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
        larger.extend_from_slice(paste);
        *paste = larger;
    }
    paste.extend_from_slice(bytes);
}

/// Returns whether bytes that were read at once contain both a line end and text. Keys
/// arrive one by one.
fn is_text_with_lines(bytes: &[u8]) -> bool {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    bytes.iter().any(is_end) && bytes.iter().any(|byte| !byte.is_ascii_control())
}

/// Returns whether `bytes`, read at once, are the rest of a sequence that began with an
/// Esc some time ago. Typed characters arrive one by one.
fn continues_esc(bytes: &[u8]) -> bool {
    let [b'[', rest @ ..] = bytes else { return matches!(bytes, [b'O', b'P'..=b'S']) };
    match csi(rest) {
        Decoded::Whole(_, sequence) => sequence.is_some(),
        Decoded::Incomplete => !rest.is_empty(),
    }
}

/// Decodes the first sequence of `bytes`.
fn decode_first(bytes: &[u8]) -> Decoded {
    match bytes {
        [] | [ESC] | [ESC, ESC] => Decoded::Incomplete,
        // Two keys, or the prefix of a key with Alt.
        [ESC, ESC, b'[' | b'O', ..] => with_alt(decode_first(&bytes[1..])),
        [ESC, ESC, ..] => Decoded::Whole(1, Some(Sequence::Key(KeyCode::Esc.into()))),
        [ESC, b'[', b'[', last, ..] => {
            Decoded::Whole(4, keys::linux_function_key(*last).map(Sequence::Key))
        }
        [ESC, b'[', b'['] => Decoded::Incomplete,
        [ESC, b'[', rest @ ..] => csi(rest),
        [ESC, b'O'] => Decoded::Incomplete,
        [ESC, b'O', last @ b' '..=b'~', ..] => {
            Decoded::Whole(3, keys::ss3(*last).map(Sequence::Key))
        }
        [ESC, b'\r' | 0x7F | 0x08 | b' '.., ..] => with_alt(decode_first(&bytes[1..])),
        // Esc, and then a control key.
        [ESC, ..] => Decoded::Whole(1, Some(Sequence::Key(KeyCode::Esc.into()))),
        [control @ (..b' ' | 0x7F), ..] => {
            Decoded::Whole(1, Some(Sequence::Key(keys::control(*control))))
        }
        _ => character(bytes),
    }
}

fn with_alt(decoded: Decoded) -> Decoded {
    match decoded {
        Decoded::Whole(length, sequence) => {
            let sequence = match sequence {
                Some(Sequence::Key(mut key)) => {
                    key.modifiers |= KeyModifiers::ALT;
                    Some(Sequence::Key(key))
                }
                other => other,
            };
            Decoded::Whole(length + 1, sequence)
        }
        Decoded::Incomplete => Decoded::Incomplete,
    }
}

/// Decodes a CSI sequence without its first two bytes.
fn csi(rest: &[u8]) -> Decoded {
    let Some(end) = rest.iter().position(|byte| !matches!(byte, b' '..=b'?')) else {
        return if rest.len() < SEQUENCE {
            Decoded::Incomplete
        } else {
            Decoded::Whole(2 + rest.len(), None)
        };
    };
    let (parameters, last) = (&rest[..end], rest[end]);
    if !matches!(last, b'@'..=b'~') {
        // Not a sequence. What interrupts it counts.
        return Decoded::Whole(2 + end, None);
    }
    let sequence = match (std::str::from_utf8(parameters).unwrap_or("?"), last) {
        ("200", b'~') => Some(Sequence::PasteStart),
        ("201", b'~') => Some(Sequence::PasteEnd),
        ("", b'I') => Some(Sequence::Focus(true)),
        ("", b'O') => Some(Sequence::Focus(false)),
        (parameters, _) => keys::csi(parameters, last).map(Sequence::Key),
    };
    Decoded::Whole(2 + end + 1, sequence)
}

/// Decodes one character. Its length is that of the valid or invalid sequence.
fn character(bytes: &[u8]) -> Decoded {
    let head = &bytes[..bytes.len().min(4)];
    let length = match std::str::from_utf8(head) {
        Ok(text) => text.chars().next().map_or(1, char::len_utf8),
        Err(error) if error.valid_up_to() > 0 => {
            let valid = std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default();
            valid.chars().next().map_or(1, char::len_utf8)
        }
        Err(error) => match error.error_len() {
            Some(length) => length,
            None => return Decoded::Incomplete,
        },
    };
    let letter = String::from_utf8_lossy(&head[..length]).chars().next();
    Decoded::Whole(length, letter.map(|letter| Sequence::Key(KeyCode::Char(letter).into())))
}

#[cfg(test)]
mod tests;
