//! What a relay keeps of a room's password.

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
pub(in crate::commands) enum RoomKind {
    Strict,
    Classic,
    /// Classic, and without sealed links.
    Protocol1,
}

impl RoomKind {
    /// As the kind of room wants it.
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

    /// Says so if the password is too weak for the kind of room.
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

/// Under twelve characters, and no code.
fn is_short(password: &Password) -> bool {
    let text = String::from_utf8_lossy(password.expose());
    text.chars().count() < 12 && WordCode::read(&text).is_err()
}
