//! What a room has to be, lest it be left before the password is proved.

use clap::{Args, ValueEnum};
use cmdchat_core::{
    client::{ClientConfig, Mode},
    fingerprint::Fingerprint,
};

use crate::args::values;

/// What is insisted on.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct SecurityArgs {
    /// Enter nothing weaker: strict, sealed or any
    ///
    /// A strict room is for this program only, and its members see it if the
    /// host alters, hides or repeats messages. A sealed link tells nobody on the
    /// way what is said and by whom.
    #[arg(long, value_name = "MODE", value_enum, hide_possible_values = true)]
    require: Option<RequiredMode>,

    /// Enter only the room with this fingerprint
    ///
    /// The 25 digits that /verify shows to those who are in it.
    #[arg(long, value_name = "DIGITS", value_parser = values::fingerprint)]
    room: Option<Fingerprint>,
}

/// A [`Mode`], as it is insisted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RequiredMode {
    Strict,
    Sealed,
    Any,
}

impl SecurityArgs {
    /// `config`, who insists on this, and without it on nothing weaker than `lowest`.
    #[must_use]
    pub fn of(self, config: ClientConfig, lowest: Mode) -> ClientConfig {
        let config = config.require_mode(match self.require {
            None => lowest,
            Some(RequiredMode::Strict) => Mode::Strict,
            Some(RequiredMode::Sealed) => Mode::Sealed,
            Some(RequiredMode::Any) => Mode::Plaintext,
        });
        match self.room {
            Some(room) => config.pin_room(room),
            None => config,
        }
    }
}
