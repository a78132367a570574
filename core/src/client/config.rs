//! Client configuration: username, passphrase and security requirements, reused across reconnects.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use zeroize::Zeroizing;

use crate::{
    client::event::Mode,
    crypto::fernet::RoomKey,
    crypto::kdf::{self, StretchedKey},
    crypto::kem::KemKeyPair,
    crypto::key_schedule::ResumeKey,
    fingerprint::Fingerprint,
    room_kind::RoomKind,
    secret::Password,
    seed::Rng,
    strict_room::{auditor::Auditor, member_key::MemberKey},
    time::Epoch,
    transport::frame::Frame,
    username::Username,
    wire::{self, SealedOffer},
};

/// A client's username, passphrase and security requirements. One value serves all logins of a
/// client's lifetime.
pub struct ClientConfig {
    pub(crate) name: Username,
    password: Password,
    pub(crate) epoch: Epoch,
    pub(crate) require: Mode,
    pub(crate) room: Option<Fingerprint>,
    protocol_1_only: bool,
    history: Option<u32>,
    /// Secrets stretched for the most recent room. They are cached because stretching is slow
    /// and a reconnect needs the same ones. Shared with the copies that
    /// [`Self::with_username`] makes.
    stretched: Arc<Mutex<StretchCache>>,
    carried: Mutex<CarriedState>,
}

/// State that a client carries from one session to the next.
#[derive(Default)]
pub(crate) struct CarriedState {
    /// Proves to the server that the last session was this client's, unless it ended in order.
    pub(crate) resume: Option<ResumeKey>,
    /// The keys of this client, once it has been in a strict room.
    member_key: Option<Arc<MemberKey>>,
    /// What this client knows about the strict room it was in last.
    pub(crate) auditor: Option<Auditor>,
}

impl CarriedState {
    #[cfg(test)]
    pub(crate) fn set_member_key(&mut self, key: MemberKey) {
        self.member_key = Some(Arc::new(key));
    }

    /// Returns the keys of this client, which last for the run of the program.
    pub(crate) fn member_key(&mut self, rng: &mut Rng) -> Arc<MemberKey> {
        Arc::clone(self.member_key.get_or_insert_with(|| Arc::new(MemberKey::generate(rng))))
    }
}

/// Omits all secrets.
impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("name", &self.name).finish_non_exhaustive()
    }
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
            history: None,
            stretched: Arc::default(),
            carried: Mutex::default(),
        }
    }

    /// Returns the same configuration with another username.
    #[must_use]
    pub fn with_username(&self, name: Username) -> Self {
        let password = Password::new(Zeroizing::new(self.password.expose().to_vec()));
        let stretched = Arc::clone(&self.stretched);
        Self { name, password, stretched, carried: Mutex::default(), ..*self }
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

    /// Asks for at most the newest `messages` of the history, in protocol 2.
    #[must_use]
    pub fn history_limit(self, messages: u32) -> Self {
        Self { history: Some(messages), ..self }
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

    /// Encodes line 1.
    pub(crate) fn line_1(&self, a: &[u8], kem: Option<&KemKeyPair>) -> Frame {
        let versions: &[u8] = if self.require == Mode::Plaintext { &[2, 1] } else { &[2] };
        let kem = kem.map(KemKeyPair::public);
        let offer = kem.map(|kem| SealedOffer { versions, kem, history: self.history });
        wire::srp_init(&self.name, a, offer)
    }

    /// Returns whether line 1 offers protocol 2.
    pub(crate) const fn offers_v2(&self) -> bool {
        !self.protocol_1_only
    }

    /// Locks the state that the next session inherits. A poisoned lock is usable, because every
    /// update is one assignment.
    pub(crate) fn carried(&self) -> MutexGuard<'_, CarriedState> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
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
