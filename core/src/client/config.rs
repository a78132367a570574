//! Who wants to come in.

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

/// A client to be: its name, what it knows, and what it insists on. One value
/// serves all logins of a client's lifetime.
#[derive(Debug)]
pub struct ClientConfig {
    pub(crate) name: Username,
    password: Password,
    pub(crate) epoch: Epoch,
    pub(crate) require: Mode,
    pub(crate) room: Option<Fingerprint>,
    protocol_1_only: bool,
    /// The password stretched for the room visited last: that is slow, and a
    /// reconnect needs the same. Shared with who is renamed.
    stretched: Arc<Mutex<StretchCache>>,
}

/// For which `room_salt`, and what.
type StretchCache = Option<([u8; 16], Arc<StretchedSecrets>)>;

impl ClientConfig {
    /// Accepts whatever the server offers; `epoch` is the wall time at
    /// [`crate::time::Tick::ZERO`].
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

    /// The same under another name.
    #[must_use]
    pub fn with_username(&self, name: Username) -> Self {
        let password = Password::new(Zeroizing::new(self.password.expose().to_vec()));
        Self { name, password, stretched: Arc::clone(&self.stretched), ..*self }
    }

    /// Accepts nothing weaker than `mode`.
    #[must_use]
    pub fn require_mode(self, mode: Mode) -> Self {
        Self { require: mode, ..self }
    }

    /// Accepts this room only.
    #[must_use]
    pub fn pin_room(self, fingerprint: Fingerprint) -> Self {
        Self { room: Some(fingerprint), ..self }
    }

    /// Offers no more than protocol 1, as Python clients do.
    #[must_use]
    pub fn v1_only(self) -> Self {
        Self { protocol_1_only: true, ..self }
    }

    /// The name asked for.
    #[must_use]
    pub const fn name(&self) -> &Username {
        &self.name
    }

    /// The password, to be judged.
    #[must_use]
    pub const fn password(&self) -> &Password {
        &self.password
    }

    /// What line 1 offers; empty as protocol 1 does not know of versions.
    pub(crate) fn versions(&self) -> &'static [u8] {
        match (self.protocol_1_only, self.require) {
            (true, _) => &[],
            (false, Mode::Plaintext) => &[2, 1],
            (false, Mode::Sealed | Mode::Strict) => &[2],
        }
    }

    /// It is replaced whole or not at all.
    fn stretched(&self) -> MutexGuard<'_, StretchCache> {
        self.stretched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the member of such a room knows. Slow in a strict room, the first time.
    pub(crate) fn room_secrets(&self, kdf: RoomKind, room_salt: &[u8; 16]) -> RoomSecrets<'_> {
        match kdf {
            RoomKind::Classic => RoomSecrets::Password(&self.password),
            RoomKind::Strict => {
                // Held while it is stretched: nobody else could do anything better.
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

/// What the member of one room knows.
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
        assert!(first.srp_password != other.srp_password, "for another room it is done again");
        assert!(Arc::ptr_eq(&other, &stretched(&config, [2; 16])), "whoever needs it first");
    }
}
