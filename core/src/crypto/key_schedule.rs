//! The key schedule of protocol 2 (PROTOCOL 2.3): derives key confirmation and
//! traffic keys of a sealed link from the secrets of SRP and ML-KEM.
//!
//! All of them are bound to the exact bytes of the handshake. If an attacker changes
//! any line in transit, client and server get different proofs or different keys.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::{
    crypto::kdf::expand,
    secret::{Secret, with_stack_zeroed},
    transport::record::{RecordOpener, RecordSealer},
};

/// K || Z: the session key of SRP and the shared secret of ML-KEM. A recording of the
/// handshake stays closed as long as one of the two holds.
#[derive(Debug)]
pub(crate) struct HybridSecret(Secret<64>);

impl HybridSecret {
    pub(crate) fn new(session_key: &Secret<32>, z: &Secret<32>) -> Self {
        Self(Secret::fill_with(|joined| {
            let (first, second) = joined.split_at_mut(32);
            first.copy_from_slice(session_key.expose());
            second.copy_from_slice(z.expose());
        }))
    }
}

/// The handshake transcript: its lines as sent, without line ends.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) line_1: Vec<u8>,
    pub(crate) line_2: Vec<u8>,
    pub(crate) line_3: Vec<u8>,
}

impl Transcript {
    /// Derives the key confirmation that lines 3 and 4 carry.
    pub(crate) fn proofs(&self, secret: &HybridSecret) -> KeyConfirmation {
        with_stack_zeroed(|| {
            let root = extract(secret, &self.login_hash());
            KeyConfirmation {
                client: derive(&root, b"cmdchat/2 client confirm"),
                server: derive(&root, b"cmdchat/2 server confirm"),
                root,
            }
        })
    }

    /// Derives the keys of the link that begins after `line_4`.
    pub(crate) fn keys(&self, secret: &HybridSecret, line_4: &[u8]) -> TrafficKeys {
        let lines = [&*self.line_1, &self.line_2, &self.line_3, line_4];
        with_stack_zeroed(|| {
            let root = extract(secret, &hash(b"cmdchat/2 session\0", &lines));
            TrafficKeys {
                client_to_server: derive(&root, b"cmdchat/2 client to server"),
                server_to_client: derive(&root, b"cmdchat/2 server to client"),
                resume: ResumeKey(derive(&root, b"cmdchat/2 resume")),
            }
        })
    }

    /// Returns the hash of lines 1 and 2, T1.
    pub(crate) fn login_hash(&self) -> [u8; 32] {
        hash(b"cmdchat/2 handshake\0", &[&self.line_1, &self.line_2])
    }
}

/// Key confirmation: proves knowledge of the passphrase and receipt of the same lines
/// 1 and 2.
#[derive(Debug)]
pub(crate) struct KeyConfirmation {
    /// The client's proof, M2.
    pub(crate) client: Secret<32>,
    /// The server's proof, HAMK2.
    pub(crate) server: Secret<32>,
    root: Secret<32>,
}

impl KeyConfirmation {
    /// Returns REFUSAL: the proof that an error text comes from a server that knows the
    /// verifier.
    pub(crate) fn refusal(&self, text: &str) -> Secret<32> {
        derive(&self.root, &[b"cmdchat/2 refused\0", text.as_bytes()].concat())
    }
}

/// The keys of one sealed link: one for each direction, and the one that resumes it.
#[derive(Debug)]
pub(crate) struct TrafficKeys {
    client_to_server: Secret<32>,
    server_to_client: Secret<32>,
    pub(crate) resume: ResumeKey,
}

impl TrafficKeys {
    /// Returns the client's sealer and opener.
    pub(crate) fn client(&self) -> (RecordSealer, RecordOpener) {
        (RecordSealer::new(&self.client_to_server), RecordOpener::new(&self.server_to_client))
    }

    /// Returns the server's sealer and opener.
    pub(crate) fn server(&self) -> (RecordSealer, RecordOpener) {
        (RecordSealer::new(&self.server_to_client), RecordOpener::new(&self.client_to_server))
    }
}

/// The key by which a member proves in a later login that an earlier session was its own
/// (PROTOCOL 2.3, "Resume").
#[derive(Debug)]
pub(crate) struct ResumeKey(Secret<32>);

impl ResumeKey {
    #[cfg(test)]
    pub(crate) const fn new(key: Secret<32>) -> Self {
        Self(key)
    }

    /// Returns RESUME for the login with this hash of lines 1 and 2.
    pub(crate) fn proof(&self, login_hash: &[u8; 32]) -> Secret<32> {
        Secret::fill_with(|proof| {
            // Cannot fail: HMAC accepts keys of any length.
            if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose()) {
                mac.update(login_hash);
                proof.copy_from_slice(&mac.finalize().into_bytes());
            }
        })
    }
}

/// Runs HKDF-Extract on the hybrid secret.
fn extract(secret: &HybridSecret, salt: &[u8; 32]) -> Secret<32> {
    let (root, _) = Hkdf::<Sha256>::extract(Some(salt), secret.0.expose());
    Secret::take(&mut root.into())
}

/// Hashes a label and the lines, each after its length.
fn hash(label: &[u8], lines: &[&[u8]]) -> [u8; 32] {
    let mut transcript = Sha256::new_with_prefix(label);
    for line in lines {
        // The cast is lossless: a handshake line has at most 65,536 bytes.
        transcript.update((line.len() as u32).to_be_bytes());
        transcript.update(line);
    }
    transcript.finalize().into()
}

fn derive(root: &Secret<32>, info: &[u8]) -> Secret<32> {
    Secret::fill_with(|out| expand(root, info, out))
}
