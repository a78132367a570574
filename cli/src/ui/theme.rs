//! Colours: the terminal's sixteen at most, on any background. No information is
//! conveyed by colour alone.

use clap::ValueEnum;
use cmdchat_core::client::Mode;
use ratatui_core::style::{Color, Modifier, Style};

use crate::ui::message_list::{COLOURS, TextRole};

/// The choice of coloured output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// Unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Not at all; bold and reverse remain.
    Never,
}

/// Colours and characters of the full screen.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Use colours.
    pub colours: bool,
    /// Use ASCII only, except in usernames and messages.
    pub ascii: bool,
}

/// Colours of other members' names: readable on light and dark backgrounds, and
/// distinct from the green of the user's own name.
const NAMES: [Color; COLOURS] = [
    Color::Cyan,
    Color::Magenta,
    Color::Blue,
    Color::Yellow,
    Color::LightMagenta,
    Color::LightBlue,
];

impl Theme {
    pub(super) fn role(self, role: TextRole) -> Style {
        let style = match role {
            TextRole::Text => Style::new(),
            TextRole::Dim => Style::new().add_modifier(Modifier::DIM),
            TextRole::OwnName => Style::new().fg(Color::Green),
            TextRole::Name(number) => {
                NAMES.get(number).map_or(Style::new(), |name| Style::new().fg(*name))
            }
            TextRole::Mention => Style::new().add_modifier(Modifier::BOLD),
            TextRole::Warning => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            TextRole::Found => Style::new().add_modifier(Modifier::REVERSED),
        };
        self.without_color(style)
    }

    pub(super) fn header(self, mode: Option<Mode>, connected: bool) -> Style {
        let colour = match mode {
            _ if !connected => Color::Red,
            Some(Mode::Strict) => Color::Green,
            Some(Mode::Sealed | Mode::Plaintext) | None => Color::Reset,
        };
        self.without_color(Style::new().fg(colour).add_modifier(Modifier::BOLD))
    }

    pub(super) fn status(self) -> Style {
        self.without_color(Style::new().fg(Color::Yellow))
    }

    const fn without_color(self, style: Style) -> Style {
        if self.colours { style } else { Style { fg: None, bg: None, ..style } }
    }
}
