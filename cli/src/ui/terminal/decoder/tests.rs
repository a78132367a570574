//! Tests of the decoder. Each input is a list of pieces as they are read; `PAUSE`
//! stands for the time after which the decoder resolves what is incomplete.

use proptest::prelude::*;

use super::*;

const PAUSE: &[u8] = b"";

/// Returns the events as text: characters as they are, other keys as `<Enter>`, pastes
/// as `{text}`.
fn decode(pieces: &[&[u8]]) -> String {
    let mut decoder = InputDecoder::default();
    for piece in pieces {
        if *piece == PAUSE {
            while decoder.timeout().is_some() {
                decoder.expire();
            }
        } else {
            decoder.feed(piece);
        }
    }
    while decoder.timeout().is_some() {
        decoder.expire();
    }
    let event = |event| match event {
        TerminalEvent::Key(Action::Edit(EditAction::Insert(letter))) => letter.to_string(),
        TerminalEvent::Key(Action::Edit(edit)) => format!("<{edit:?}>"),
        TerminalEvent::Key(Action::Scroll(scroll)) => format!("<{scroll:?}>"),
        TerminalEvent::Key(key) => format!("<{key:?}>"),
        TerminalEvent::Paste(text) => format!("{{{}}}", *text),
        TerminalEvent::Focus(has) => format!("<focus {has}>"),
        TerminalEvent::Resized(_) | TerminalEvent::Suspend | TerminalEvent::Continued => {
            unreachable!("the decoder emits no such event")
        }
    };
    std::iter::from_fn(|| decoder.poll_event()).map(event).collect()
}

#[track_caller]
fn assert_decodes(cases: &[(&[&[u8]], &str)]) {
    for (pieces, events) in cases {
        let name: Vec<_> = pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
        assert_eq!(decode(pieces), *events, "{name:?}");
    }
}

#[test]
fn keys_are_decoded() {
    assert_decodes(&[
        (&[b"a\xC3\xA9\xE6\x97\xA5\r\t\x7F\x08"], "aé日<Enter><Complete><Backspace><Backspace>"),
        (&[b"\x03\x1C\x1F\x1A"], "<Interrupt><Lock><Undo><Suspend>"),
        (&[b"\x1B[A\x1B[D\x1B[H\x1B[F\x1B[Z"], "<Up><Left><Home><End><CompleteBack>"),
        (&[b"\x1BOA\x1BOP\x1B[[A\x1B[11~\x1B[P"], "<Up><Help><Help><Help><Help>"),
        (&[b"\x1B[7~\x1B[8~\x1B[1~\x1B[4~\x1B[3~"], "<Home><End><Home><End><Delete>"),
        (&[b"\x1B[5~\x1B[6~\x1B[1;2A\x1B[1;2B"], "<PageUp><PageDown><RowUp><RowDown>"),
        (&[b"\x1B[1;5D\x1B[1;3C\x1Bb\x1B\x1B[C"], "<WordLeft><WordRight><WordLeft><WordRight>"),
        (&[b"\x1B\r\x1B[13;2u\x1B[27;2;13~\n"], "<NewLine><NewLine><NewLine><NewLine>"),
        (&[b"\x1B\x7F\x1B\x08"], "<DeleteWordLeft><DeleteWordLeft>"),
        (&[b"\x1B[I\x1B[O"], "<focus true><focus false>"),
    ]);
}

#[test]
fn escape_sequence_in_pieces_is_one_key() {
    assert_decodes(&[
        (&[b"a\x1B", b"[", b"D"], "a<Left>"),
        (&[b"\x1B[1", b";5", b"D"], "<WordLeft>"),
        // The pieces arrive so late that the first one was an Esc.
        (&[b"abc", b"\x1B", PAUSE, b"[D"], "abc<Escape><Left>"),
        (&[b"\xC3", b"\xA9"], "é"),
        (&[b"\xF0\x9F", b"\x91", b"\x8D"], "👍"),
        (&[b"\x1B", PAUSE], "<Escape>"),
        (&[b"\x1B\x1B", PAUSE], "<Escape><Escape>"),
    ]);
}

#[test]
fn text_after_esc_stays_text() {
    assert_decodes(&[
        (&[b"\x1B", PAUSE, b"[", b"A"], "<Escape>[A"),
        (&[b"\x1B", PAUSE, b"OK"], "<Escape>OK"),
        (&[b"\x1B", PAUSE, b"[1", PAUSE, b"]"], "<Escape>[1]"),
        (&[b"\x1B", PAUSE, b"a", b"[D"], "<Escape>a[D"),
    ]);
}

#[test]
fn paste_in_pieces_is_one_paste() {
    assert_decodes(&[
        (&[b"\x1B[200~one\rtwo\r\x1B[201~"], "{one\rtwo\r}"),
        (&[b"\x1B[20", b"0~one\r", b"two\x1B[2", b"01~", PAUSE, b"x"], "{one\rtwo}x"),
        (&[b"\x1B", PAUSE, b"[200~rm -rf /\rsecond\r\x1B[201~"], "<Escape>{rm -rf /\rsecond\r}"),
        (&[b"\x1B", PAUSE, b"[200", b"~rm\r\x1B[201~"], "<Escape>{rm\r}"),
        (&[b"\x1B[200~a\x1B[D\x03\x1B[200~b\x1B[201~"], "{a\u{1B}[D\u{3}\u{1B}[200~b}"),
        (&[b"\x1B[200~\xE6\x97", b"\xA5\x1B[201~"], "{日}"),
    ]);
}

#[test]
fn text_right_after_a_paste_belongs_to_it() {
    assert_decodes(&[
        (&[b"\x1B[200~a\x1B[201~b\rc\r", b"d\r"], "{ab\rc\rd\r}"),
        (&[b"\x1B[200~a\x1B[201~", PAUSE, b"\r"], "{a}<Enter>"),
        (&[b"\x1B[200~a\x1B[201~\x1B[I\r"], "{a}<focus true><Enter>"),
        (&[b"\x1B[200~a\x1B[201~\x03"], "{a}<Interrupt>"),
        (&[b"\x1B[200~a\x1B[201~\x1B[200~b\x1B[201~"], "{ab}"),
    ]);
}

#[test]
fn paste_without_end_does_not_disable_keys() {
    assert_decodes(&[
        (&[b"\x1B[200~never ends", PAUSE, b"x", b"\r"], "{never ends}x<Enter>"),
        (&[b"\x1B[200~never ends", b"\x1C", b"\x1C"], "{never ends}<Lock><Lock>"),
        (&[b"\x1B[200~never ends", b"\x03\x03"], "{never ends}<Interrupt><Interrupt>"),
        // The rest of a paste that paused is not sent line by line.
        (
            &[b"\x1B[200~one\r", PAUSE, b"two\rthree\r\x1B[201~", PAUSE, b"\r"],
            "{one\r}{two\rthree\r}<Enter>",
        ),
    ]);
}

#[test]
fn long_paste_is_truncated() {
    let mut decoder = InputDecoder::default();
    decoder.feed(b"\x1B[200~");
    for _ in 0..PASTE_BYTES {
        decoder.feed(b"0123456789");
    }
    decoder.feed(b"\x1B[201~");
    decoder.expire();
    let Some(TerminalEvent::Paste(text)) = decoder.poll_event() else { panic!("no paste") };
    assert_eq!(text.len(), PASTE_BYTES);
}

#[test]
fn unknown_input_affects_nothing_else() {
    assert_decodes(&[
        (&[b"a\x1BOZb\x1B[99~c\x1B[?62;4cd\x1B[<0;1;1Me"], "abcde"),
        (&[b"caf\xE9 ok"], "caf\u{FFFD} ok"),
        (&[b"\xE9", PAUSE, b"x"], "\u{FFFD}x"),
        (&[b"\x80\xFF\xF0\x9Fx"], "\u{FFFD}\u{FFFD}\u{FFFD}x"),
        (&[b"\x1B[1;\x1B[Dx"], "<Left>x"),
        (&[b"\x1B[57399u\x1B[5$", PAUSE, b"x"], "x"),
    ]);
}

#[test]
fn control_key_after_esc_is_kept() {
    assert_decodes(&[
        (&[b"\x1B\x03"], "<Escape><Interrupt>"),
        (&[b"\x1B\x1C"], "<Escape><Lock>"),
        (&[b"\x1B\x01"], "<Escape><Home>"),
        (&[b"\x1B[95;7u"], "<Undo>"),
    ]);
}

/// Terminals report a turn of the wheel as arrow keys on the alternate screen.
#[test]
fn wheel_scrolls_the_messages() {
    assert_decodes(&[
        (&[b"\x1B[A\x1B[A\x1B[A"], "<RowUp><RowUp><RowUp>"),
        (&[b"\x1B[B\x1B[B", b"\x1B[B"], "<RowDown><RowDown><RowDown>"),
        (&[b"\x1B[A", PAUSE, b"\x1B[A", PAUSE, b"\x1B[A"], "<Up><Up><Up>"),
        (&[b"\x1B[A\x1B[Bx"], "<Up><Down>x"),
    ]);
}

proptest! {
    /// How the bytes are split does not matter.
    #[test]
    fn any_split_decodes_equally(
        parts in prop::collection::vec(prop::sample::select(vec![
            "a", "é", "日", "\r", "\u{3}", "\u{1B}[A", "\u{1B}[1;5C", "\u{1B}OP", "\u{1B}[200~x\r",
            "\u{1B}[201~", "\u{1B}", "\u{1B}[I", "\u{1B}b", "👍🏽",
        ]), 0..12),
        splits in prop::collection::vec(1_usize..9, 0..40),
    ) {
        let bytes = parts.concat().into_bytes();
        let mut rest = &bytes[..];
        let mut pieces = Vec::new();
        for split in splits {
            let (piece, behind) = rest.split_at(split.min(rest.len()));
            (rest, _) = (behind, pieces.push(piece));
        }
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        // Ctrl+C alone leaves a paste.
        prop_assume!(!pieces.iter().any(|piece| piece.iter().all(|byte| *byte == 3)));
        prop_assert_eq!(decode(&pieces), decode(&[&bytes]));
    }

    #[test]
    fn any_bytes_are_decoded(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..20)) {
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        let _ = decode(&pieces);
    }
}
