//! What a terminal shows of the full screen.

use super::{Room, poll_until, pty::PtyProcess};

/// Columns and rows of the terminal of a [`PtyProcess`].
pub(crate) const SIZE: (u16, u16) = (80, 24);

/// Returns a terminal of the given size after `bytes` were written to it.
pub(crate) fn terminal(bytes: &[u8], (columns, rows): (u16, u16)) -> vt100::Parser {
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    terminal.process(b"before\r\n");
    terminal.process(bytes);
    terminal
}

/// Returns the rows of `terminal` without trailing blanks.
pub(crate) fn rows(terminal: &vt100::Parser) -> Vec<String> {
    let screen = terminal.screen();
    screen.rows(0, screen.size().1).map(|row| row.trim_end().to_owned()).collect()
}

/// Waits until `right` accepts the screen.
#[track_caller]
pub(crate) fn wait_for(
    client: &PtyProcess,
    size: (u16, u16),
    what: &str,
    right: impl Fn(&vt100::Parser) -> bool,
) {
    poll_until(what, || right(&terminal(&client.screen.bytes(), size)));
}

#[track_caller]
pub(crate) fn wait_for_row(client: &PtyProcess, part: &str) {
    wait_for(client, SIZE, part, |terminal| rows(terminal).iter().any(|row| row.contains(part)));
}

/// Waits until the input is `text` and the cursor is in `column`, counted from the
/// prompt.
#[track_caller]
pub(crate) fn wait_for_draft(client: &PtyProcess, size: (u16, u16), text: &str, column: u16) {
    let draft = format!("> {text}");
    wait_for(client, size, &draft, |terminal| {
        let at = terminal.screen().cursor_position();
        rows(terminal).last().map(String::as_str) == Some(draft.trim_end())
            && at == (size.1 - 1, column + 2)
            && !terminal.screen().hide_cursor()
    });
}

pub(crate) fn sit_down(room: &Room, name: &str, args: &[&str]) -> PtyProcess {
    let client = PtyProcess::take(&mut room.connect(name, args));
    wait_for_row(&client, "you are in (");
    assert!(!client.is_as_before(), "the terminal would echo what is typed");
    client
}

/// Asserts that the screen shows its previous content again, that every mode the
/// program enabled is disabled, and that nothing of the conversation is left.
#[track_caller]
pub(crate) fn is_sane(written: &str) {
    let mut seen = terminal(written.as_bytes(), SIZE);
    let screen = seen.screen();
    assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor());
    assert_eq!((screen.fgcolor(), screen.bold()), (vt100::Color::Default, false));
    assert_eq!(rows(&seen)[0], "before");
    for (on, off) in [("[?1004h", "[?1004l"), ("[?7l", "[?7h")] {
        assert!(written.rfind(on) < written.rfind(off), "{on} is still in effect");
    }
    seen.process(b"\x1B[?47h");
    let left = rows(&seen);
    assert!(left.iter().all(String::is_empty), "the alternate screen still has {left:?}");
    // Some terminals have no alternate screen.
    let written = written.replace("\u{1B}[?1049h", "").replace("\u{1B}[?1049l", "");
    let left = rows(&terminal(written.as_bytes(), SIZE));
    assert!(!left.iter().any(|row| row.contains("online")), "the screen still has {left:?}");
}
