//! Server credentials, derived from the passphrase and the kind of room.

use crate::safe;
use cmdchat_core::{
    secret::Password,
    seed::Seed,
    server::{Credentials, EmptyPassword},
};

use crate::{
    error::{Error, warn},
    invite::word_code::WordCode,
    secrets,
};

/// The kind of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum ServerMode {
    Strict,
    Classic,
    /// A classic room without sealed links.
    Protocol1,
}

impl ServerMode {
    /// Derives the credentials for this kind of room.
    pub(in crate::commands) fn credentials(
        self,
        password: &Password,
        seed: &Seed,
    ) -> Result<Credentials, Error> {
        match self {
            Self::Strict => {
                Credentials::strict(password, seed).map_err(|EmptyPassword| Error::empty_password())
            }
            Self::Classic => Ok(Credentials::classic(password, seed)),
            Self::Protocol1 => Ok(Credentials::v1_only(password, seed)),
        }
    }

    /// Warns if the passphrase is too weak for this kind of room.
    pub(in crate::commands) fn judge(self, password: &Password) {
        match self {
            Self::Strict if is_short(password) => warn(&safe![
                "this passphrase is short; use 3 random words (cmdchat passphrase --words 3)"
            ]),
            Self::Classic | Self::Protocol1 if secrets::is_weak(password) => {
                warn(&secrets::weak_warning());
            }
            Self::Strict | Self::Classic | Self::Protocol1 => {}
        }
    }
}

/// Returns whether the passphrase is under twelve characters and not a code.
fn is_short(password: &Password) -> bool {
    let text = String::from_utf8_lossy(password.expose());
    text.chars().count() < 12 && WordCode::read(&text).is_err()
}
