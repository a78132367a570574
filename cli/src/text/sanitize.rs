//! Sanitizer for one line of text. It keeps, writes out, replaces or removes each code
//! point, then replaces each grapheme cluster that does not fit its cells.

use unicode_properties::{
    GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory,
};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Replacement for characters that cannot be shown.
const REPLACEMENT: char = '\u{FFFD}';
const ZERO_WIDTH_SPACE: char = '\u{200B}';
const BLACK_FLAG: char = '\u{1F3F4}';

/// Distance of tab stops in columns.
pub(crate) const TAB: usize = 4;

/// Maximum number of marks on one base; no language uses more.
const MARKS: usize = 4;

/// Maximum size of a cluster; readable letters are smaller.
const CLUSTER_CELLS: usize = 2;
const CLUSTER_BYTES: usize = 64;

/// A sanitized line, and the changes made to it.
#[derive(Default)]
pub(crate) struct Sanitizer {
    pub(crate) text: String,
    /// Number of code points removed from `text` without a trace.
    pub(crate) hidden: usize,
    /// Whether a character was rewritten as `^[`, `<9B>` or U+FFFD.
    pub(crate) rewritten: bool,
    column: usize,
}

impl Sanitizer {
    /// Sanitizes a line of a message. A tab advances to the next tab stop.
    pub(crate) fn line(raw: &str) -> Self {
        let mut line = Self::default();
        let mut stretches = raw.split('\t');
        line.stretch(stretches.next().unwrap_or(""));
        for stretch in stretches {
            let gap = TAB - line.column % TAB;
            line.text.extend(std::iter::repeat_n(' ', gap));
            line.column += gap;
            line.stretch(stretch);
        }
        line
    }

    /// Sanitizes a username or a notice. Tabs and line ends count as controls.
    pub(crate) fn word(raw: &str) -> Self {
        let mut word = Self::default();
        word.stretch(raw);
        word
    }

    /// Appends a text without tabs.
    fn stretch(&mut self, raw: &str) {
        self.text.reserve(raw.len());
        if raw.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.text.push_str(raw);
            self.column += raw.len();
            return;
        }
        let points = self.points(raw);
        // Legacy clusters, because extended ones join whole Indic syllables, so that
        // common words would be wider than two cells.
        for cluster in points.graphemes(false) {
            let cells = cluster.width();
            // A cluster of width 0 would be drawn on the preceding one.
            if !(1..=CLUSTER_CELLS).contains(&cells) || cluster.len() > CLUSTER_BYTES {
                self.text.push(REPLACEMENT);
                self.rewritten = true;
                self.column += 1;
            } else {
                self.text.push_str(cluster);
                self.column += cells;
            }
        }
    }

    /// Applies the rules for single code points.
    fn points(&mut self, raw: &str) -> String {
        let mut out = String::with_capacity(raw.len());
        let mut base = Base::None;
        let mut marks = 0;
        let mut before = None;
        let mut rest = raw;
        while let Some(point) = rest.chars().next() {
            if let Some(flag) = flag_sequence(rest) {
                out.push_str(flag);
                (base, marks, before) = (Base::Joining, 0, None);
                rest = &rest[flag.len()..];
                continue;
            }
            rest = &rest[point.len_utf8()..];
            match CharClass::of(point) {
                CharClass::Plain => {
                    out.push(point);
                    (base, marks) = (Base::Plain, 0);
                }
                CharClass::Joining => {
                    out.push(point);
                    (base, marks) = (Base::Joining, 0);
                }
                CharClass::Mark if base == Base::None => {
                    // It would combine with the output before this text.
                    out.push(REPLACEMENT);
                    self.rewritten = true;
                    base = Base::Plain;
                }
                CharClass::Mark if marks < MARKS => {
                    out.push(point);
                    marks += 1;
                }
                CharClass::Joiner if base == Base::Joining => {
                    out.push(point);
                    base = Base::Joined;
                }
                // Clients of this program add one after `[` to escape markup for Python clients.
                CharClass::Hidden if point == ZERO_WIDTH_SPACE && before == Some('[') => {}
                CharClass::Mark | CharClass::Joiner | CharClass::Hidden => self.hidden += 1,
                CharClass::Control => {
                    write_out(point, &mut out);
                    self.rewritten = true;
                    (base, marks) = (Base::Plain, 0);
                }
                CharClass::Unknown => {
                    out.push(REPLACEMENT);
                    self.rewritten = true;
                    (base, marks) = (Base::Plain, 0);
                }
            }
            before = Some(point);
        }
        out
    }
}

/// The base to which a mark or a joiner attaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    None,
    Plain,
    /// A non-ASCII letter or an emoji, after which a joiner is meaningful.
    Joining,
    /// A `Joining` base that already has its joiner.
    Joined,
}

/// The class of a code point, which selects its rule.
#[derive(Clone, Copy)]
enum CharClass {
    Plain,
    Joining,
    Mark,
    Joiner,
    Hidden,
    Control,
    Unknown,
}

impl CharClass {
    fn of(point: char) -> Self {
        match point {
            ' '..='~' => Self::Plain,
            '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{2028}' | '\u{2029}' => Self::Control,
            '\u{200C}' | '\u{200D}' => Self::Joiner,
            '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{3164}'
            | '\u{FFA0}'
            | '\u{E0000}'..='\u{E0FFF}' => Self::Hidden,
            // The only visible format characters: signs around numbers.
            '\u{0600}'..='\u{0605}'
            | '\u{06DD}'
            | '\u{070F}'
            | '\u{0890}'
            | '\u{0891}'
            | '\u{08E2}'
            | '\u{110BD}'
            | '\u{110CD}' => Self::Plain,
            _ => Self::by_category(point),
        }
    }

    fn by_category(point: char) -> Self {
        if point.general_category() == GeneralCategory::Format {
            return Self::Hidden;
        }
        match point.general_category_group() {
            GeneralCategoryGroup::Letter => Self::Joining,
            GeneralCategoryGroup::Mark => Self::Mark,
            // Private use and unassigned, which includes non-characters.
            GeneralCategoryGroup::Other => Self::Unknown,
            GeneralCategoryGroup::Number
            | GeneralCategoryGroup::Punctuation
            | GeneralCategoryGroup::Separator
            | GeneralCategoryGroup::Symbol => {
                if point.is_emoji_char() {
                    Self::Joining
                } else {
                    Self::Plain
                }
            }
        }
    }
}

/// Returns the subdivision flag at the start of `text`: a black flag, three to six tag
/// letters or digits, and the end tag.
fn flag_sequence(text: &str) -> Option<&str> {
    let tags = text.strip_prefix(BLACK_FLAG)?;
    let is_tag = |c: &char| matches!(c, '\u{E0030}'..='\u{E0039}' | '\u{E0061}'..='\u{E007A}');
    let count = tags.chars().take(7).take_while(is_tag).count();
    let end = BLACK_FLAG.len_utf8() + (count + 1) * '\u{E007F}'.len_utf8();
    ((3..=6).contains(&count) && tags.chars().nth(count) == Some('\u{E007F}')).then(|| &text[..end])
}

/// Writes a C0 control as `^[`, DEL and C1 as `<9B>`, and a misplaced line end as
/// U+FFFD.
fn write_out(control: char, out: &mut String) {
    match control {
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(REPLACEMENT),
        '\0'..='\u{1F}' => {
            out.push('^');
            out.extend(char::from_u32(u32::from(control) + 0x40));
        }
        _ => out.push_str(&format!("<{:02X}>", u32::from(control))),
    }
}

/// Returns whether a code point is visible and has no other effect.
pub(super) fn is_visible(point: char) -> bool {
    matches!(CharClass::of(point), CharClass::Plain | CharClass::Joining | CharClass::Mark)
}

/// Returns the width of a sanitized text in cells.
pub(crate) fn width(text: &str) -> usize {
    text.graphemes(false).map(UnicodeWidthStr::width).sum()
}

/// Returns the longest prefix of a sanitized text that fits `cells`.
pub(crate) fn cut(text: &str, cells: usize) -> &str {
    let mut room = cells;
    let mut end = 0;
    for cluster in text.graphemes(false) {
        let Some(left) = room.checked_sub(cluster.width()) else {
            break;
        };
        room = left;
        end += cluster.len();
    }
    &text[..end]
}

/// Returns the longest suffix of a sanitized text that fits `cells`.
pub(crate) fn tail(text: &str, cells: usize) -> &str {
    let mut room = cells;
    let mut start = text.len();
    for cluster in text.graphemes(false).rev() {
        let Some(left) = room.checked_sub(cluster.width()) else {
            break;
        };
        room = left;
        start -= cluster.len();
    }
    &text[start..]
}

/// Sanitizes a text of any length for a draft. Line ends become `\n`, and tabs are
/// kept.
#[must_use]
pub fn sanitize_draft(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for (number, line) in lines(raw).enumerate() {
        if number > 0 {
            out.push('\n');
        }
        for (number, stretch) in line.split('\t').enumerate() {
            if number > 0 {
                out.push('\t');
            }
            out.push_str(&Sanitizer::word(stretch).text);
        }
    }
    out
}

/// Splits a raw text into lines at LF, CR, CRLF, NEL, U+2028 and U+2029.
pub(crate) fn lines(raw: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(raw);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = text.find(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) else {
            return rest.take();
        };
        let (line, tail) = text.split_at(at);
        let end = if tail.starts_with("\r\n") {
            2
        } else {
            tail.chars().next().map_or(0, char::len_utf8)
        };
        rest = Some(&tail[end..]);
        Some(line)
    })
}
