//! The user interface model and its screen, driven by events from the test, without
//! a terminal, a socket or a clock.

use std::time::Duration;

use cmdchat::{
    invite::Instructions,
    text::SafeText,
    ui::{
        StartupNotices,
        keymap::{Action, EditAction},
        layout::Size,
        model::{Model, Msg, Now, Settings},
        render::{self, ScreenFrame},
        theme::Theme,
    },
};
use cmdchat_core::{
    client::{Event, Message, Mode, SendId, Welcome},
    time::Tick,
    untrusted::Untrusted,
    username::Username,
};
use jiff::{Timestamp, tz::TimeZone};
use ratatui_core::{buffer::Cell, style::Style};
use unicode_width::UnicodeWidthStr as _;
use zeroize::Zeroizing;

/// Alice's screen.
pub(crate) struct Scene {
    pub(crate) model: Model,
    pub(crate) look: Theme,
    size: Size,
    now: Tick,
    said: u64,
}

pub(crate) fn untrusted(text: &str) -> Untrusted {
    Untrusted::new(text.into())
}

pub(crate) fn message(author: &str, text: &str, at: Timestamp) -> Message {
    let (author, text) = (untrusted(author), Some(untrusted(text)));
    Message { author, sender: None, id: None, text, at: Some(at), own: None, doubts: Vec::new() }
}

impl Scene {
    /// Returns the screen of a client that has not logged in, at 14:02 UTC.
    pub(crate) fn empty(columns: u16, rows: u16, settings: Settings) -> Self {
        let address = SafeText::sanitize("192.168.1.20:3000");
        let me = Username::new("alice").unwrap();
        let look = Theme { colours: true, ascii: settings.ascii };
        let model = Model::new(address, me, TimeZone::UTC, settings);
        let size = Size { columns, rows };
        let mut scene = Self { model, look, size, now: Tick::ZERO, said: 0 };
        scene.update(Msg::Resized(size));
        scene
    }

    /// Returns the screen of a member of a strict room with three others.
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        Self::with(columns, rows, Settings::default())
    }

    pub(crate) fn with(columns: u16, rows: u16, settings: Settings) -> Self {
        let mut scene = Self::empty(columns, rows, settings);
        scene.enters(Mode::Strict, &["alice", "bob", "carol", "dave"], Vec::new());
        scene
    }

    /// Adds the instructions that `/invite` shows.
    pub(crate) fn invited(self, card: Instructions) -> Self {
        let notices = StartupNotices { invite: Some(card), ..StartupNotices::default() };
        Self { model: self.model.notices(notices), ..self }
    }

    pub(crate) fn enters(&mut self, mode: Mode, members: &[&str], history: Vec<Message>) {
        let fingerprint = "12345 67890 12345 67890 12345".parse().unwrap();
        let members = members.iter().map(|name| untrusted(name)).collect();
        self.hears(Event::Ready(Welcome { mode, fingerprint, members, history }));
    }

    pub(crate) fn wall(&self) -> Timestamp {
        let start: Timestamp = "2026-11-24T14:02:00Z".parse().unwrap();
        start.checked_add(self.now.since_start()).unwrap()
    }

    pub(crate) fn tick(&self) -> Tick {
        self.now
    }

    pub(crate) fn waits(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(seconds));
        self.update(Msg::Passed);
    }

    pub(crate) fn update(&mut self, input: Msg) {
        let moment = Now { tick: self.now, at: self.wall() };
        self.model.update(moment, input);
    }

    pub(crate) fn hears(&mut self, event: Event) {
        self.update(Msg::Heard(event));
    }

    pub(crate) fn says(&mut self, author: &str, text: &str) {
        self.hears(Event::Message(message(author, text, self.wall())));
    }

    /// Delivers the server's echo of alice's oldest pending message.
    pub(crate) fn echoes(&mut self, text: &str) {
        let own = Some(SendId(self.said));
        self.said += 1;
        self.hears(Event::Message(Message { own, ..message("alice", text, self.wall()) }));
    }

    pub(crate) fn joins(&mut self, name: &str, online: usize) {
        self.hears(Event::Joined(untrusted(name), online));
    }

    pub(crate) fn leaves(&mut self, name: &str, online: usize) {
        self.hears(Event::Left(untrusted(name), online));
    }

    /// Types `text`. A line feed is Ctrl+J.
    pub(crate) fn types(&mut self, text: &str) {
        for letter in text.chars() {
            self.press(Action::Edit(if letter == '\n' {
                EditAction::NewLine
            } else {
                EditAction::Insert(letter)
            }));
        }
    }

    pub(crate) fn press(&mut self, key: Action) {
        self.update(Msg::Key(key));
    }

    pub(crate) fn enter(&mut self, text: &str) {
        self.types(text);
        self.press(Action::Enter);
    }

    pub(crate) fn pastes(&mut self, text: &str) {
        self.update(Msg::Paste(Zeroizing::new(text.into())));
    }

    pub(crate) fn resizes(&mut self, columns: u16, rows: u16) {
        self.size = Size { columns, rows };
        self.update(Msg::Resized(self.size));
    }

    pub(crate) fn frame(&self) -> ScreenFrame {
        render::draw(&self.model, self.look, self.now, self.size)
    }

    /// Returns all rows and the position of the cursor.
    pub(crate) fn seen(&self) -> String {
        let frame = self.frame();
        let cursor = match frame.cursor {
            Some(at) => format!("cursor: row {}, column {}", at.y, at.x),
            None => "no cursor".into(),
        };
        let line = |row: Vec<Cell>| {
            let symbols: String = row.iter().map(Cell::symbol).collect();
            format!("│{symbols}│")
        };
        let rows: Vec<_> = rows(&frame).into_iter().map(line).collect();
        format!("{}\n{cursor}", rows.join("\n"))
    }

    /// Lists the text that is not in the terminal's default style.
    pub(crate) fn styles(&self) -> String {
        let mut runs: Vec<(Style, String)> = Vec::new();
        for cell in rows(&self.frame()).into_iter().flatten() {
            match runs.last_mut() {
                Some((style, text)) if *style == cell.style() => text.push_str(cell.symbol()),
                _ => runs.push((cell.style(), cell.symbol().into())),
            }
        }
        let plain = Cell::default().style();
        let odd =
            runs.into_iter().filter(|(style, text)| *style != plain && !text.trim().is_empty());
        let lines = odd.map(|(style, text)| {
            let (fg, modifiers) = (style.fg.unwrap_or_default(), style.add_modifier);
            format!("{fg} {modifiers:?}: {}", text.trim())
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Returns the cells that a terminal shows, without the cell that a wide character
/// covers.
pub(crate) fn rows(frame: &ScreenFrame) -> Vec<Vec<Cell>> {
    let columns = usize::from(frame.buffer.area.width);
    let cells = frame.buffer.content.chunks(columns);
    cells
        .map(|row| {
            let mut hidden = 0_usize;
            let mut seen = Vec::new();
            for cell in row {
                if hidden == 0 {
                    hidden = cell.symbol().width().saturating_sub(1);
                    seen.push(cell.clone());
                } else {
                    hidden -= 1;
                }
            }
            seen
        })
        .collect()
}
