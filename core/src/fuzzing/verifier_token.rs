use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::server::{Credentials, VerifierTokenError};

/// Checks verifier tokens. A token decodes only if it is exactly the token that
/// the decoded credentials encode to. It does not decode after one character has
/// changed.
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

/// Returns a token with arbitrary content and a valid checksum, as a malicious
/// maker could create it.
fn with_checksum(content: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(content).into();
    let sum = hash.first_chunk::<4>().copied().unwrap_or_default();
    format!("cmdchat2.{}", URL_SAFE_NO_PAD.encode([content, &sum].concat()))
}
