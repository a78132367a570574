//! The secrets with which a server authenticates members. They do not contain the
//! passphrase. A verifier token (PROTOCOL 2.7) carries them, so a relay never
//! sees the passphrase itself.

use crate::room_kind::RoomKind;
use std::{error::Error, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    crypto::kdf::StretchedKey,
    crypto::srp::{Salt, Verifier},
    fingerprint::{Fingerprint, RoomHash},
    secret::Password,
    seed::{Rng, Seed},
    wire::SupportedVersions,
};

/// The secrets of a server for its room. Their holder can impersonate the server,
/// and can test passphrases offline at the cost set by the room's [`RoomKind`].
#[derive(Debug)]
pub struct Credentials {
    pub(super) verifier: Arc<Verifier>,
    pub(super) room_salt: [u8; 16],
    pub(super) kdf: RoomKind,
    pub(super) spoken: SupportedVersions,
}

impl Credentials {
    /// Creates credentials for a classic room that supports both protocol
    /// versions, with salts from `seed`. Slow: one modular exponentiation.
    #[must_use]
    pub fn classic(password: &Password, seed: &Seed) -> Self {
        let mut rng = salts(seed);
        let salt = Salt::with_sentinel(rng.bytes());
        let room_salt = rng.bytes();
        Self::new(
            Verifier::new(password, salt),
            room_salt,
            RoomKind::Classic,
            SupportedVersions::Both,
        )
    }

    /// Creates credentials for a classic room whose server does not offer
    /// protocol 2. Slow: one modular exponentiation.
    #[must_use]
    pub fn v1_only(password: &Password, seed: &Seed) -> Self {
        let mut rng = salts(seed);
        let mut salt: [u8; 16] = rng.bytes();
        // No leading zero byte, so that the bytes sent are the bytes hashed. No
        // sentinel.
        salt[0] |= 0x80;
        let room_salt = rng.bytes();
        Self::new(
            Verifier::new(password, Salt::from(salt)),
            room_salt,
            RoomKind::Classic,
            SupportedVersions::V1,
        )
    }

    /// Creates credentials for a strict room. Slow: Argon2id and one modular
    /// exponentiation.
    ///
    /// # Errors
    /// Returns [`EmptyPassword`] if the passphrase is empty, because an empty
    /// passphrase keeps no client out.
    pub fn strict(password: &Password, seed: &Seed) -> Result<Self, EmptyPassword> {
        if password.expose().is_empty() {
            return Err(EmptyPassword);
        }
        let mut rng = salts(seed);
        let salt = Salt::with_sentinel(rng.bytes());
        let room_salt = rng.bytes();
        let password = StretchedKey::new(password, &room_salt).srp_password();
        let verifier = Verifier::new(&password, salt);
        Ok(Self::new(verifier, room_salt, RoomKind::Strict, SupportedVersions::V2))
    }

    /// Decodes a verifier token.
    ///
    /// # Errors
    /// Returns [`VerifierTokenError`] if `token` is not a valid verifier token.
    pub fn from_token(token: &str) -> Result<Self, VerifierTokenError> {
        let bare = token.strip_prefix(PREFIX).ok_or(VerifierTokenError)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(bare).map_err(|_| VerifierTokenError)?);
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(VerifierTokenError)?;
        let (head, v) = body.split_first_chunk::<HEAD>().ok_or(VerifierTokenError)?;
        let [VERSION, mode, salts @ ..] = head else { return Err(VerifierTokenError) };
        let (room_salt, srp_salt) = salts.split_at(16);
        let (kdf, spoken) = match *mode {
            0 => (RoomKind::Classic, SupportedVersions::Both),
            1 => (RoomKind::Strict, SupportedVersions::V2),
            _ => return Err(VerifierTokenError),
        };
        let room_salt = room_salt.try_into().map_err(|_| VerifierTokenError)?;
        let salt = Salt::parse_sentinel(srp_salt).ok_or(VerifierTokenError)?;
        if *sum != checksum(body) {
            return Err(VerifierTokenError);
        }
        let v: &[u8; 256] = v.try_into().map_err(|_| VerifierTokenError)?;
        let verifier = Verifier::from_parts(salt, v).ok_or(VerifierTokenError)?;
        Ok(Self::new(verifier, room_salt, kdf, spoken))
    }

    /// Returns the verifier token. `None` for a server that supports protocol 1
    /// only, because a token cannot express that.
    #[must_use]
    pub fn token(&self) -> Option<Zeroizing<String>> {
        let mode = match self.spoken {
            SupportedVersions::V1 => return None,
            SupportedVersions::Both => 0,
            SupportedVersions::V2 => 1,
        };
        let mut body = Zeroizing::new(Vec::with_capacity(HEAD + 256 + 4));
        body.extend([VERSION, mode]);
        body.extend(self.room_salt);
        body.extend(self.verifier.salt().as_bytes());
        body.extend(self.verifier.padded().iter());
        let sum = checksum(&body);
        body.extend(sum);
        let mut token = Zeroizing::new(String::with_capacity(PREFIX.len() + 400));
        token.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(&*body, &mut token);
        Some(token)
    }

    /// Returns the kind of the room.
    #[must_use]
    pub const fn room_kind(&self) -> RoomKind {
        self.kdf
    }

    /// Returns the fingerprint, which identifies the room. It is public.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        RoomHash::new(self.kdf, &self.room_salt, self.verifier.salt()).fingerprint()
    }

    fn new(
        verifier: Verifier,
        room_salt: [u8; 16],
        kdf: RoomKind,
        spoken: SupportedVersions,
    ) -> Self {
        Self { verifier: Arc::new(verifier), room_salt, kdf, spoken }
    }
}

/// The error for an invalid verifier token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifierTokenError;

impl fmt::Display for VerifierTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no verifier token, or a damaged one")
    }
}

impl Error for VerifierTokenError {}

/// The error for a strict room with an empty passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyPassword;

impl fmt::Display for EmptyPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a strict room needs a password")
    }
}

impl Error for EmptyPassword {}

const PREFIX: &str = "cmdchat2.";
const VERSION: u8 = 2;
/// Version, mode and the two salts.
const HEAD: usize = 2 + 16 + 16;

fn salts(seed: &Seed) -> Rng {
    seed.fork("credentials", 0).rng()
}

fn checksum(body: &[u8]) -> [u8; 4] {
    let hash: [u8; 32] = Sha256::digest(body).into();
    hash.first_chunk().copied().unwrap_or_default()
}
