use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::server::{Credentials, VerifierTokenError};

/// A token is read only if it is, to the character, what the room that was
/// read is written as; and not with one character changed.
pub fn verifier_token(data: &[u8]) {
    for token in [String::from_utf8_lossy(data).into_owned(), with_checksum(data)] {
        let Ok(credentials) = Credentials::from_token(&token) else { continue };
        let written = credentials.token();
        assert_eq!(written.as_ref().map(|written| written.as_str()), Some(token.as_str()));
        let at = usize::from(data.last().copied().unwrap_or_default());
        let mut changed: Vec<char> = token.chars().collect();
        if let Some(place) = changed.get_mut(at) {
            *place = if *place == 'A' { 'B' } else { 'A' };
            let changed: String = changed.into_iter().collect();
            assert_eq!(Credentials::from_token(&changed).err(), Some(VerifierTokenError));
        }
    }
}

/// Any content with the right sum, as only a liar makes it.
fn with_checksum(content: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(content).into();
    let sum = hash.first_chunk::<4>().copied().unwrap_or_default();
    format!("cmdchat2.{}", URL_SAFE_NO_PAD.encode([content, &sum].concat()))
}
