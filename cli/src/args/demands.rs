//! Security requirements, checked before the client proves the passphrase.

use clap::{Args, ValueEnum};
use cmdchat_core::{
    client::{ClientConfig, Mode},
    fingerprint::Fingerprint,
};

use crate::args::values;

/// Minimum mode and pinned fingerprint of the room.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct SecurityArgs {
    /// Minimum security: strict, sealed or any
    ///
    /// A strict room admits only this program, and its members detect a server
    /// that alters, hides or repeats messages. A sealed link hides messages and
    /// usernames from the network.
    #[arg(long, value_name = "MODE", value_enum, hide_possible_values = true)]
    require: Option<RequiredMode>,

    /// Join only the room with this fingerprint
    ///
    /// The 25 digits that /verify shows to the room's members.
    #[arg(long, value_name = "DIGITS", value_parser = values::fingerprint)]
    room: Option<Fingerprint>,
}

/// A [`Mode`] as written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RequiredMode {
    Strict,
    Sealed,
    Any,
}

impl SecurityArgs {
    /// Applies the requirements to `config`. Without `--require`, the minimum mode is `lowest`.
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
