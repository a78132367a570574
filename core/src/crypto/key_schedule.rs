//! From the session key of SRP to the keys of a sealed link (PROTOCOL 2.3).
//!
//! Both are bound to the very bytes of the handshake: whoever changed any of
//! its lines on the way leaves the two sides with different proofs, or with
//! different keys.

use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

use crate::{
    crypto::kdf::expand,
    secret::{Secret, with_stack_zeroed},
    transport::record::{RecordOpener, RecordSealer},
};

/// The lines of a handshake as they passed, without their ends.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) line_1: Vec<u8>,
    pub(crate) line_2: Vec<u8>,
    pub(crate) line_3: Vec<u8>,
}

impl Transcript {
    /// What either side proves with lines 3 and 4.
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

    /// The keys of the link that begins behind `line_4`.
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

/// That one knows the password, and has seen the same lines 1 and 2.
#[derive(Debug)]
pub(crate) struct KeyConfirmation {
    /// M2, the client's.
    pub(crate) client: Secret<32>,
    /// HAMK2, the server's.
    pub(crate) server: Secret<32>,
}

/// The keys of one link, one for each direction.
#[derive(Debug)]
pub(crate) struct TrafficKeys {
    client_to_server: Secret<32>,
    server_to_client: Secret<32>,
}

impl TrafficKeys {
    /// The client's ends.
    pub(crate) fn client(&self) -> (RecordSealer, RecordOpener) {
        (RecordSealer::new(&self.client_to_server), RecordOpener::new(&self.server_to_client))
    }

    /// The server's ends.
    pub(crate) fn server(&self) -> (RecordSealer, RecordOpener) {
        (RecordSealer::new(&self.server_to_client), RecordOpener::new(&self.client_to_server))
    }
}

/// HKDF-Extract of the session key, salted with a hash of the lines.
fn extract(session_key: &Secret<32>, label: &[u8], lines: &[&[u8]]) -> Secret<32> {
    let mut transcript = Sha256::new_with_prefix(label);
    for line in lines {
        // A handshake line has 65,536 bytes at most.
        transcript.update((line.len() as u32).to_be_bytes());
        transcript.update(line);
    }
    let (root, _) = Hkdf::<Sha256>::extract(Some(&transcript.finalize()), session_key.expose());
    Secret::take(&mut root.into())
}

fn derive(root: &Secret<32>, info: &[u8]) -> Secret<32> {
    Secret::fill_with(|out| expand(root, info, out))
}
