//! Display options.

use std::env;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;

use crate::args::values::{self, Limit};
use crate::ui::model::{NotifyLevel, Settings, TimeFormat};
use crate::ui::theme::{ColorChoice, Theme};

/// Default duration of reconnect attempts for an interactive client.
const RECONNECT: Duration = Duration::from_secs(300);

/// Options for the interface, notifications and reconnecting.
#[derive(Args, Debug)]
pub struct DisplayArgs {
    /// Print lines instead of the full screen
    ///
    /// The output stays in the terminal's scrollback, which cmdchat cannot
    /// erase. Pipes and terminals without a cursor (TERM=dumb) always use this
    /// view.
    #[arg(long)]
    pub plain: bool,

    /// Exchange JSON objects, for programs
    ///
    /// One JSON object per line: events on standard output, commands on
    /// standard input. docs/json.md documents all of them.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,

    /// Draw the interface in ASCII
    ///
    /// Default if the locale is not UTF-8. Messages are shown as written.
    #[arg(long, hide_short_help = true)]
    pub ascii: bool,

    /// Colours of the full screen: auto, always or never
    ///
    /// `auto` uses colours unless NO_COLOR is set.
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value = "auto",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub color: ColorChoice,

    /// Hide join and leave notices
    #[arg(long, hide_short_help = true)]
    pub quiet: bool,

    /// Messages that ring the bell: off, mentions or all
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value = "mentions",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub notify: NotifyLevel,

    /// Time format: off, short, full or utc
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value = "short",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub time: TimeFormat,

    /// Keep trying to reconnect for this long (0: never)
    ///
    /// The default is 5m at a terminal and with --json, and 0 for a pipe.
    #[arg(long, value_name = "TIME", value_parser = values::limit_duration, hide_short_help = true)]
    pub reconnect_for: Option<Limit<Duration>>,
}

impl DisplayArgs {
    /// Returns the duration of reconnect attempts. The default is `RECONNECT`
    /// with `json` or at a terminal, and zero otherwise.
    #[must_use]
    pub fn reconnect_for(&self, json: bool) -> Duration {
        match self.reconnect_for {
            Some(bound) => bound.0.unwrap_or(Duration::ZERO),
            None if json || io::stdin().is_terminal() => RECONNECT,
            None => Duration::ZERO,
        }
    }

    /// Returns the settings that result from the arguments and the environment.
    #[must_use]
    pub fn resolve(&self) -> (Settings, Theme) {
        let is_set = |name| env::var_os(name).filter(|value| !value.is_empty());
        // POSIX precedence: the first variable that is set decides.
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
