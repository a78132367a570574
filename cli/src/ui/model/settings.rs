//! User settings for one session.

use clap::ValueEnum;

/// Events that ring the bell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NotifyLevel {
    /// Nothing.
    Off,
    /// My name.
    #[default]
    Mentions,
    /// Every message.
    All,
}

/// Format of displayed times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TimeFormat {
    /// Not at all.
    Off,
    /// Hour and minute.
    #[default]
    Short,
    /// Date, hour, minute and second.
    Full,
    /// Hour and minute in UTC.
    Utc,
}

/// User settings for one session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Events that ring the bell.
    pub notify: NotifyLevel,
    /// Format of displayed times.
    pub clock: TimeFormat,
    /// Hide join and leave notices.
    pub quiet: bool,
    /// Draw the interface in ASCII.
    pub ascii: bool,
}
