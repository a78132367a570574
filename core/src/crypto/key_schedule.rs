//! The key schedule of protocol 2 (PROTOCOL 2.3): derives key confirmation and
//! traffic keys of a sealed link from the SRP session key.
//!
//! Both are bound to the exact bytes of the handshake. If an attacker changes any
//! line in transit, client and server get different proofs or different keys.

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

use crate::{
    crypto::kdf::expand,
    secret::{Secret, with_stack_zeroed},
    transport::record::{RecordOpener, RecordSealer},
};

/// The handshake transcript: its lines as sent, without line ends.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) line_1: Vec<u8>,
    pub(crate) line_2: Vec<u8>,
    pub(crate) line_3: Vec<u8>,
}

impl Transcript {
    /// Derives the key confirmation that lines 3 and 4 carry.
    pub(crate) fn proofs(&self, session_key: &Secret<32>) -> KeyConfirmation {
        let lines = [&*self.line_1, &self.line_2];
        with_stack_zeroed(|| {
            let root = extract(session_key, b"cmdchat/2 handshake\0", &lines);
            KeyConfirmation {
                client: derive(&root, b"cmdchat/2 client confirm"),
                server: derive(&root, b"cmdchat/2 server confirm"),
            }
        })
    }

    /// Derives the keys of the link that begins after `line_4`.
    pub(crate) fn keys(&self, session_key: &Secret<32>, line_4: &[u8]) -> TrafficKeys {
        let lines = [&*self.line_1, &self.line_2, &self.line_3, line_4];
        with_stack_zeroed(|| {
            let root = extract(session_key, b"cmdchat/2 session\0", &lines);
            TrafficKeys {
                client_to_server: derive(&root, b"cmdchat/2 client to server"),
                server_to_client: derive(&root, b"cmdchat/2 server to client"),
            }
        })
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
}

/// The keys of one sealed link, one for each direction.
#[derive(Debug)]
pub(crate) struct TrafficKeys {
    client_to_server: Secret<32>,
    server_to_client: Secret<32>,
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

/// Runs HKDF-Extract on the session key, with a hash of the lines as salt.
fn extract(session_key: &Secret<32>, label: &[u8], lines: &[&[u8]]) -> Secret<32> {
    let mut transcript = Sha256::new_with_prefix(label);
    for line in lines {
        // The cast is lossless: a handshake line has at most 65,536 bytes.
        transcript.update((line.len() as u32).to_be_bytes());
        transcript.update(line);
    }
    let (root, _) = Hkdf::<Sha256>::extract(Some(&transcript.finalize()), session_key.expose());
    Secret::take(&mut root.into())
}

fn derive(root: &Secret<32>, info: &[u8]) -> Secret<32> {
    Secret::fill_with(|out| expand(root, info, out))
}
