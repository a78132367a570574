//! What a person can choose, for this session.

use clap::ValueEnum;

/// What rings.
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

/// How times are shown.
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

/// All of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// What rings.
    pub notify: NotifyLevel,
    /// How times are shown.
    pub clock: TimeFormat,
    /// Whether comings and goings stay untold.
    pub quiet: bool,
    /// Whether our own characters are to be ASCII.
    pub ascii: bool,
}
