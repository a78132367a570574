//! What a room looks like.

use std::env;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;

use crate::args::values::{self, Limit};
use crate::ui::model::{NotifyLevel, Settings, TimeFormat};
use crate::ui::theme::{ColorChoice, Theme};

/// How long a person's connection is tried to be had back.
const RECONNECT: Duration = Duration::from_secs(300);

/// What the room looks like, and what rings.
#[derive(Args, Debug)]
pub struct DisplayArgs {
    /// One event per line instead of the full screen
    ///
    /// It prints into the terminal's own scrollback, which cmdchat cannot
    /// erase. A pipe, and a terminal without a cursor (TERM=dumb), have this
    /// view in any case.
    #[arg(long)]
    pub plain: bool,

    /// JSON objects out and in, for programs
    ///
    /// One JSON object a line: events on standard output, wishes on standard
    /// input. docs/json.md has all of them.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,

    /// No characters but ASCII, apart from what people write
    ///
    /// Chosen by itself if the locale is not UTF-8.
    #[arg(long, hide_short_help = true)]
    pub ascii: bool,

    /// Colours of the full screen
    ///
    /// `auto` uses them unless NO_COLOR is set.
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value = "auto",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub color: ColorChoice,

    /// Hide who comes and goes
    #[arg(long, hide_short_help = true)]
    pub quiet: bool,

    /// What rings the bell: off, mentions or all
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value = "mentions",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub notify: NotifyLevel,

    /// How times are shown: off, short, full or utc
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value = "short",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub time: TimeFormat,

    /// How long to try to get a lost connection back; 0 is not at all
    ///
    /// At a terminal and with --json five minutes if nothing is said; a pipe does not try.
    #[arg(long, value_name = "TIME", value_parser = values::limit_duration, hide_short_help = true)]
    pub reconnect_for: Option<Limit<Duration>>,
}

impl DisplayArgs {
    /// How long to try to get a lost connection back, for a person or, by `json`,
    /// a program that stays.
    #[must_use]
    pub fn reconnect_for(&self, json: bool) -> Duration {
        match self.reconnect_for {
            Some(bound) => bound.0.unwrap_or(Duration::ZERO),
            None if json || io::stdin().is_terminal() => RECONNECT,
            None => Duration::ZERO,
        }
    }

    /// What was chosen here and by the environment.
    #[must_use]
    pub fn resolve(&self) -> (Settings, Theme) {
        let is_set = |name| env::var_os(name).filter(|value| !value.is_empty());
        // The first of these decides, as for every program.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(is_set);
        let is_utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_string_lossy().to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let ascii = self.ascii || (cfg!(unix) && !is_utf8);
        let colours = match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_set("NO_COLOR").is_none(),
        };
        let settings = Settings { notify: self.notify, clock: self.time, quiet: self.quiet, ascii };
        (settings, Theme { colours, ascii })
    }
}
