//! Fernet tokens, the encrypted form of chat messages (PROTOCOL 1.6, and the
//! [Fernet specification](https://github.com/fernet/spec)).
//!
//! A token is the base64url text of
//! `0x80 || time u64 || IV 16 || AES-128-CBC(PKCS#7) || HMAC-SHA256 of all before`.
//! Time and IV are arguments. Every time is accepted, because protocol 1 has no
//! expiry.

use std::{error::Error, fmt};

use aes::{
    Aes128,
    cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _, block_padding::Pkcs7},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::{Secret, with_stack_zeroed};

/// The key with which the members of a room encrypt and decrypt messages.
#[derive(Debug)]
pub struct RoomKey {
    signing: Secret<16>,
    encryption: Secret<16>,
}

impl RoomKey {
    /// Creates a key from the 32 bytes of a Fernet key: 16 for signing, then 16 for encryption.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        let (signing, encryption) = key.expose().split_at(16);
        Self {
            signing: Secret::fill_with(|half| half.copy_from_slice(signing)),
            encryption: Secret::fill_with(|half| half.copy_from_slice(encryption)),
        }
    }

    /// Encrypts `text` into a canonical token, dated `unix_seconds` (seconds since
    /// 1970). `iv` must be random and never used twice.
    #[must_use]
    pub fn seal(&self, unix_seconds: u64, iv: [u8; 16], text: &[u8]) -> String {
        with_stack_zeroed(|| self.sealed(unix_seconds, iv, text))
    }

    fn sealed(&self, unix_seconds: u64, iv: [u8; 16], text: &[u8]) -> String {
        let padding = BLOCK - text.len() % BLOCK;
        // Full capacity, because reallocation would leave a copy of the text in memory.
        let mut raw = Vec::with_capacity(HEAD + text.len() + padding + MAC);
        raw.push(VERSION);
        raw.extend(unix_seconds.to_be_bytes());
        raw.extend(iv);
        raw.extend(text);
        raw.extend(std::iter::repeat_n(padding as u8, padding));

        let (blocks, _none) = aes::Block::slice_as_chunks_mut(&mut raw[HEAD..]);
        cbc::Encryptor::<Aes128>::new(self.encryption.expose().into(), &iv.into())
            .encrypt_blocks(blocks);

        let mac = self.authenticator().chain_update(&raw).finalize().into_bytes();
        raw.extend(mac);
        URL_SAFE.encode(raw)
    }

    /// Decrypts a token in its canonical form (padded base64url). It rejects a token
    /// in any other encoding, although Python accepts it.
    ///
    /// # Errors
    /// Returns [`DecryptError`] if the token is not canonical, too short, damaged or
    /// encrypted with a different key.
    pub fn open(&self, token: &str) -> Result<Decrypted, DecryptError> {
        with_stack_zeroed(|| self.opened(token)).ok_or(DecryptError)
    }

    fn opened(&self, token: &str) -> Option<Decrypted> {
        let mut raw = Zeroizing::new(URL_SAFE.decode(token).ok()?);
        let (signed, mac) = raw.split_last_chunk_mut::<MAC>()?;
        if signed.len() < HEAD + BLOCK || !(signed.len() - HEAD).is_multiple_of(BLOCK) {
            return None;
        }
        self.authenticator().chain_update(&*signed).verify((&*mac).into()).ok()?;

        let (head, sealed) = signed.split_first_chunk_mut::<HEAD>()?;
        if head[0] != VERSION {
            return None;
        }
        let unix_seconds = u64::from_be_bytes(head[1..9].try_into().ok()?);
        let iv: [u8; 16] = head[9..].try_into().ok()?;
        let text = cbc::Decryptor::<Aes128>::new(self.encryption.expose().into(), &iv.into())
            .decrypt_padded::<Pkcs7>(sealed)
            .ok()?;
        Some(Decrypted { unix_seconds, text: Zeroizing::new(text.to_vec()) })
    }

    fn authenticator(&self) -> Hmac<Sha256> {
        // HMAC pads a short key with zeros. A key of full block length cannot be rejected.
        let mut block = Zeroizing::new([0; 64]);
        block[..16].copy_from_slice(self.signing.expose());
        Hmac::new((&*block).into())
    }
}

/// The content of a decrypted token.
#[derive(PartialEq, Eq)]
pub struct Decrypted {
    /// The sender's clock, in seconds since 1970. It may be any value.
    pub unix_seconds: u64,
    /// The text, usually UTF-8. Zeroized on drop.
    pub text: Zeroizing<Vec<u8>>,
}

/// Shows the length only.
impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({} bytes)", self.text.len())
    }
}

/// The error for a token that this key cannot decrypt. It does not reveal the
/// cause, which could help an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecryptError;

impl fmt::Display for DecryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message cannot be read with this room's key")
    }
}

impl Error for DecryptError {}

const VERSION: u8 = 0x80;
/// The length of version, time and IV.
const HEAD: usize = 1 + 8 + 16;
const BLOCK: usize = 16;
const MAC: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> RoomKey {
        RoomKey::new(&Secret::take(&mut [7; 32]))
    }

    #[test]
    fn tokens_round_trip_around_block_boundaries() {
        for len in 0..=50 {
            let text = vec![b'x'; len];
            let opened = key().open(&key().seal(5, [9; 16], &text)).unwrap();
            assert_eq!((opened.unix_seconds, opened.text.to_vec()), (5, text));
        }
    }

    #[test]
    fn token_of_one_mebibyte_round_trips() {
        let text = vec![0xa5; 1 << 20];
        assert_eq!(key().open(&key().seal(0, [0; 16], &text)).unwrap().text.to_vec(), text);
    }

    #[test]
    fn fernet_debug_output_is_redacted() {
        let opened = key().open(&key().seal(0, [0; 16], b"hush")).unwrap();
        assert_eq!(format!("{opened:?}"), "Opened(4 bytes)");
        assert_eq!(format!("{:?}", key()), "RoomKey { signing: Secret(…), encryption: Secret(…) }");
    }

    proptest! {
        #[test]
        fn token_with_changed_character_fails_to_decrypt(at in 0_usize..140, to in any::<char>()) {
            let token = key().seal(1_700_000_000, [3; 16], b"some twenty letters!");
            let mut chars: Vec<char> = token.chars().collect();
            let at = at % chars.len();
            prop_assume!(chars[at] != to);
            chars[at] = to;
            let changed: String = chars.into_iter().collect();
            prop_assert_eq!(key().open(&changed), Err(DecryptError));
        }

        #[test]
        fn arbitrary_string_fails_to_decrypt(text in ".*") {
            prop_assert_eq!(key().open(&text), Err(DecryptError));
        }
    }
}
