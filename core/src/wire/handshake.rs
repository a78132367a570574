//! The server's login lines 2 and 4: decoding and validation by the client.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    client::login::LoginFailure,
    crypto::key_schedule::{HybridSecret, KeyConfirmation, ResumeKey, TrafficKeys, Transcript},
    crypto::srp::{ClientProof, PublicValue, Salt},
    error::WireError,
    fingerprint::RoomHash,
    room_kind::RoomKind,
    secret::Secret,
    untrusted::Untrusted,
    wire::ProtocolVersion,
    wire::json::lenient::{self, Value},
    wire::json::strict,
};

/// A line of the server, as raw bytes and as a JSON value.
pub(crate) struct ServerLine {
    pub(crate) bytes: Vec<u8>,
    pub(crate) object: Value,
}

impl ServerLine {
    /// Decodes a line.
    ///
    /// # Errors
    ///
    /// Returns [`LoginFailure::Rejected`] if the line is an error, or
    /// [`LoginFailure::NotAServer`] if it is not JSON.
    pub(crate) fn read(line: &[u8]) -> Result<Self, LoginFailure> {
        let http = line.starts_with(b"HTTP/");
        let object = lenient::read(line).ok_or(LoginFailure::NotAServer { http })?;
        match object.get("error") {
            None => Ok(Self { bytes: line.to_vec(), object }),
            Some(error) => {
                let text = error.as_text().map_or_else(|| error.to_text(), str::to_owned);
                Err(LoginFailure::Rejected {
                    known: WireError::from_wire(&text),
                    text: Untrusted::new(text),
                })
            }
        }
    }
}

/// The validated contents of line 2.
pub(crate) struct Challenge {
    pub(crate) version: ProtocolVersion,
    pub(crate) user_id: String,
    pub(crate) b: PublicValue,
    pub(crate) salt: Salt,
    pub(crate) room_salt: [u8; 16],
    pub(crate) kdf: RoomKind,
    /// The ciphertext of ML-KEM; empty in protocol 1.
    pub(crate) kem: Vec<u8>,
}

impl Challenge {
    /// Decodes line 2 of protocol 1.
    pub(crate) fn open(line: &Value) -> Result<Self, LoginFailure> {
        let user_id = line.get("user_id").and_then(Value::as_text).filter(|id| !id.is_empty());
        Ok(Self {
            version: ProtocolVersion::V1,
            user_id: user_id.ok_or(LoginFailure::NotAServer { http: false })?.to_owned(),
            b: PublicValue::from_wire(&bytes(line, "B")?)
                .map_err(|_| LoginFailure::ServerNotAuthenticated)?,
            salt: Salt::from_wire(&bytes(line, "salt")?)
                .map_err(|_| LoginFailure::ServerNotAuthenticated)?,
            room_salt: bytes(line, "room_salt")?
                .try_into()
                .map_err(|_| LoginFailure::ServerNotAuthenticated)?,
            kdf: RoomKind::Classic,
            kem: Vec::new(),
        })
    }

    /// Decodes line 2 of protocol 2 strictly. It requires a known `kdf`, all 16 bytes of both
    /// salts, the sentinel, B exactly as it enters the hashes, and a `kem` of the right length.
    pub(crate) fn sealed(line: &[u8]) -> Result<Self, LoginFailure> {
        let line = strict::object(line).ok_or(LoginFailure::NotAServer { http: false })?;
        let kdf = line.get("kdf").and_then(Value::as_text).and_then(RoomKind::from_kdf_name);
        let kdf = kdf.ok_or(LoginFailure::UnsupportedVersion)?;
        let salt = Salt::parse_sentinel(&bytes(&line, "salt")?)
            .ok_or(LoginFailure::ServerNotAuthenticated)?;
        let kem = bytes(&line, "kem")?;
        let challenge = Self { version: ProtocolVersion::V2, kdf, salt, kem, ..Self::open(&line)? };
        if bytes(&line, "B")? == challenge.b.as_bytes() && challenge.kem.len() == CIPHERTEXT {
            Ok(challenge)
        } else {
            Err(LoginFailure::ServerNotAuthenticated)
        }
    }

    pub(crate) fn room(&self) -> RoomHash {
        RoomHash::new(self.kdf, &self.room_salt, &self.salt)
    }
}

/// Length of a ciphertext of ML-KEM-768.
const CIPHERTEXT: usize = 1_088;

/// The client's proof, and the state to verify the server's proof.
pub(crate) enum PendingProof {
    V1(ClientProof),
    V2 { secret: HybridSecret, transcript: Transcript, proofs: KeyConfirmation },
}

impl PendingProof {
    /// Returns the client's proof M.
    pub(crate) fn own(&self) -> &[u8; 32] {
        match self {
            Self::V1(proof) => proof.proof(),
            Self::V2 { proofs, .. } => proofs.client.expose(),
        }
    }

    /// Returns the proof that an earlier session with this key was this client's.
    pub(crate) fn resume(&self, key: &ResumeKey) -> Option<Secret<32>> {
        match self {
            Self::V1(_) => None,
            Self::V2 { transcript, .. } => Some(key.proof(&transcript.login_hash())),
        }
    }

    /// Adds line 3, as sent, to the transcript.
    pub(crate) fn sent(&mut self, line: &[u8]) {
        if let Self::V2 { transcript, .. } = self {
            transcript.line_3 = line.to_vec();
        }
    }

    /// Verifies line 4. Returns the keys of the link if it is sealed.
    ///
    /// # Errors
    ///
    /// Returns [`Line4Error`] unless the line contains the server's proof.
    pub(crate) fn check(self, line: &[u8]) -> Result<Option<TrafficKeys>, Line4Error> {
        match self {
            // The session key K is discarded: protocol 1 encrypts nothing with it.
            Self::V1(proof) => {
                let line = ServerLine::read(line)?;
                let h_amk = bytes(&line.object, "H_AMK")?;
                proof.check(&h_amk).map(|_| None).map_err(|_| NOT_AUTHENTICATED)
            }
            Self::V2 { secret, transcript, proofs } => {
                let object = strict::object(line).ok_or(NOT_AUTHENTICATED)?;
                let [h_amk, refusal] =
                    ["H_AMK", "refusal"].map(|name| object.get(name).map(|_| bytes(&object, name)));
                match (object.get("error"), h_amk, refusal) {
                    (None, Some(Ok(h_amk)), None) if proofs.server.matches(&h_amk) => {
                        Ok(Some(transcript.keys(&secret, line)))
                    }
                    (Some(error), None, refusal) => {
                        let text = error.as_text().map_or_else(|| error.to_text(), str::to_owned);
                        let proven = refusal.is_some_and(|refusal| {
                            refusal.is_ok_and(|refusal| proofs.refusal(&text).matches(&refusal))
                        });
                        let known = WireError::from_wire(&text);
                        let text = Untrusted::new(text);
                        Err(Line4Error { reason: LoginFailure::Rejected { known, text }, proven })
                    }
                    _ => Err(NOT_AUTHENTICATED),
                }
            }
        }
    }
}

/// The error for a line 4 that does not admit the client.
#[derive(Debug)]
pub(crate) struct Line4Error {
    pub(crate) reason: LoginFailure,
    /// The refusal is proven to come from a server that knows the verifier.
    pub(crate) proven: bool,
}

/// The server did not prove that it knows the passphrase.
const NOT_AUTHENTICATED: Line4Error =
    Line4Error { reason: LoginFailure::ServerNotAuthenticated, proven: false };

impl From<LoginFailure> for Line4Error {
    fn from(reason: LoginFailure) -> Self {
        // Any line without a valid proof means that the server is not authenticated.
        if matches!(reason, LoginFailure::NotAServer { .. }) {
            NOT_AUTHENTICATED
        } else {
            Self { reason, proven: false }
        }
    }
}

fn bytes(answer: &Value, key: &str) -> Result<Vec<u8>, LoginFailure> {
    let text = answer.get(key).and_then(Value::as_text);
    text.and_then(|text| STANDARD.decode(text).ok()).ok_or(LoginFailure::NotAServer { http: false })
}
