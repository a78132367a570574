//! Client configuration: username, passphrase and security requirements, reused across reconnects.

use crate::room_kind::RoomKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::{
    client::event::Mode,
    crypto::fernet::RoomKey,
    crypto::kdf::{self, StretchedKey},
    fingerprint::Fingerprint,
    secret::Password,
    time::Epoch,
    username::Username,
};

/// A client's username, passphrase and security requirements. One value serves all logins of a
/// client's lifetime.
#[derive(Debug)]
pub struct ClientConfig {
    pub(crate) name: Username,
    password: Password,
    pub(crate) epoch: Epoch,
    pub(crate) require: Mode,
    pub(crate) room: Option<Fingerprint>,
    protocol_1_only: bool,
    /// Secrets stretched for the most recent room. They are cached because stretching is slow
    /// and a reconnect needs the same ones. Shared with the copies that
    /// [`Self::with_username`] makes.
    stretched: Arc<Mutex<StretchCache>>,
}

/// The stretched secrets and the `room_salt` they belong to.
type StretchCache = Option<([u8; 16], Arc<StretchedSecrets>)>;

impl ClientConfig {
    /// Creates a configuration that accepts every mode the server offers. `epoch` is the wall
    /// time at [`crate::time::Tick::ZERO`].
    #[must_use]
    pub fn new(name: Username, password: Password, epoch: Epoch) -> Self {
        Self {
            name,
            password,
            epoch,
            require: Mode::Plaintext,
            room: None,
            protocol_1_only: false,
            stretched: Arc::default(),
        }
    }

    /// Returns the same configuration with another username.
    #[must_use]
    pub fn with_username(&self, name: Username) -> Self {
        let password = Password::new(Zeroizing::new(self.password.expose().to_vec()));
        Self { name, password, stretched: Arc::clone(&self.stretched), ..*self }
    }

    /// Rejects servers that offer less than `mode`.
    #[must_use]
    pub fn require_mode(self, mode: Mode) -> Self {
        Self { require: mode, ..self }
    }

    /// Accepts only the room with this fingerprint.
    #[must_use]
    pub fn pin_room(self, fingerprint: Fingerprint) -> Self {
        Self { room: Some(fingerprint), ..self }
    }

    /// Offers only protocol 1, as Python clients do.
    #[must_use]
    pub fn v1_only(self) -> Self {
        Self { protocol_1_only: true, ..self }
    }

    /// Returns the requested username.
    #[must_use]
    pub const fn name(&self) -> &Username {
        &self.name
    }

    /// Returns the passphrase, so that the caller can judge its strength.
    #[must_use]
    pub const fn password(&self) -> &Password {
        &self.password
    }

    /// Returns the versions offered in line 1. The list is empty for protocol 1, which has no
    /// such field.
    pub(crate) fn versions(&self) -> &'static [u8] {
        match (self.protocol_1_only, self.require) {
            (true, _) => &[],
            (false, Mode::Plaintext) => &[2, 1],
            (false, Mode::Sealed | Mode::Strict) => &[2],
        }
    }

    /// Locks the cache. A poisoned lock is usable, because the value is only replaced as a whole.
    fn stretched(&self) -> MutexGuard<'_, StretchCache> {
        self.stretched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the secrets of a member of this room. The first call for a strict room is slow.
    pub(crate) fn room_secrets(&self, kdf: RoomKind, room_salt: &[u8; 16]) -> RoomSecrets<'_> {
        match kdf {
            RoomKind::Classic => RoomSecrets::Password(&self.password),
            RoomKind::Strict => {
                // The lock is held while stretching: another caller would only repeat the work.
                let mut kept = self.stretched();
                if let Some((salt, stretched)) = &*kept
                    && salt == room_salt
                {
                    return RoomSecrets::Stretched(Arc::clone(stretched));
                }
                let secret = StretchedKey::new(&self.password, room_salt);
                let srp_password = secret.srp_password();
                let stretched = Arc::new(StretchedSecrets { secret, srp_password });
                *kept = Some((*room_salt, Arc::clone(&stretched)));
                RoomSecrets::Stretched(stretched)
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct StretchedSecrets {
    secret: StretchedKey,
    srp_password: Password,
}

/// Secrets of a member of one room.
pub(crate) enum RoomSecrets<'a> {
    /// In a classic room.
    Password(&'a Password),
    /// In a strict room.
    Stretched(Arc<StretchedSecrets>),
}

impl RoomSecrets<'_> {
    pub(crate) fn srp_password(&self) -> &Password {
        match self {
            Self::Password(password) => password,
            Self::Stretched(stretched) => &stretched.srp_password,
        }
    }

    pub(crate) fn room_key(&self, room_salt: &[u8; 16]) -> RoomKey {
        match self {
            Self::Password(password) => kdf::room_key(password, room_salt),
            Self::Stretched(stretched) => stretched.secret.room_key(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passphrase_is_stretched_once_per_room() {
        let name = |name| Username::new(name).unwrap();
        let password = Password::new(Zeroizing::new(b"correct horse".to_vec()));
        let config =
            ClientConfig::new(name("alice"), password, Epoch::new(jiff::Timestamp::UNIX_EPOCH));
        let stretched =
            |config: &ClientConfig, salt| match config.room_secrets(RoomKind::Strict, &salt) {
                RoomSecrets::Stretched(stretched) => stretched,
                RoomSecrets::Password(_) => unreachable!("it is a strict room"),
            };
        let first = stretched(&config, [1; 16]);
        assert!(Arc::ptr_eq(&first, &stretched(&config, [1; 16])), "for a reconnect");
        let renamed = config.with_username(name("bob"));
        assert_eq!(renamed.name(), &name("bob"));
        assert!(Arc::ptr_eq(&first, &stretched(&renamed, [1; 16])), "for another name");
        let other = stretched(&renamed, [2; 16]);
        assert!(first.srp_password != other.srp_password, "another room is stretched anew");
        assert!(Arc::ptr_eq(&other, &stretched(&config, [2; 16])), "shared by both names");
    }
}
