//! The server's login lines 2 and 4: decoding and validation by the client.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    client::login::LoginFailure,
    crypto::key_schedule::{KeyConfirmation, Transcript},
    crypto::srp::{ClientProof, PublicValue, Salt},
    error::WireError,
    fingerprint::Fingerprint,
    room_kind::RoomKind,
    secret::Secret,
    transport::record::{RecordOpener, RecordSealer},
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
        })
    }

    /// Decodes line 2 of protocol 2 strictly. It requires a known `kdf`, all 16 bytes of both
    /// salts, the sentinel, and B exactly as it enters the hashes.
    pub(crate) fn sealed(line: &[u8]) -> Result<Self, LoginFailure> {
        let line = strict::object(line).ok_or(LoginFailure::NotAServer { http: false })?;
        let kdf = line.get("kdf").and_then(Value::as_text).and_then(RoomKind::from_kdf_name);
        let kdf = kdf.ok_or(LoginFailure::UnsupportedVersion)?;
        let salt = Salt::parse_sentinel(&bytes(&line, "salt")?)
            .ok_or(LoginFailure::ServerNotAuthenticated)?;
        let challenge = Self { version: ProtocolVersion::V2, kdf, salt, ..Self::open(&line)? };
        if bytes(&line, "B")? == challenge.b.as_bytes() {
            Ok(challenge)
        } else {
            Err(LoginFailure::ServerNotAuthenticated)
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.kdf, &self.room_salt, &self.salt)
    }
}

/// The client's proof, and the state to verify the server's proof.
pub(crate) enum PendingProof {
    V1(ClientProof),
    V2 { session_key: Secret<32>, transcript: Transcript, proofs: KeyConfirmation },
}

impl PendingProof {
    /// Returns the client's proof M.
    pub(crate) fn own(&self) -> &[u8; 32] {
        match self {
            Self::V1(proof) => proof.proof(),
            Self::V2 { proofs, .. } => proofs.client.expose(),
        }
    }

    /// Adds line 3, as sent, to the transcript.
    pub(crate) fn sent(&mut self, line: &[u8]) {
        if let Self::V2 { transcript, .. } = self {
            transcript.line_3 = line.to_vec();
        }
    }

    /// Verifies line 4. Returns both directions of the record layer if the link is sealed.
    ///
    /// # Errors
    ///
    /// Returns [`LoginFailure::ServerNotAuthenticated`] if the server's proof is missing or wrong.
    pub(crate) fn check(
        self,
        line: &ServerLine,
    ) -> Result<Option<(RecordSealer, RecordOpener)>, LoginFailure> {
        let h_amk =
            bytes(&line.object, "H_AMK").map_err(|_| LoginFailure::ServerNotAuthenticated)?;
        match self {
            // The session key K is discarded: protocol 1 encrypts nothing with it.
            Self::V1(proof) => proof.check(&h_amk).map(|_| None).ok(),
            Self::V2 { session_key, transcript, proofs } => {
                let right = proofs.server.matches(&h_amk) && strict::object(&line.bytes).is_some();
                right.then(|| Some(transcript.keys(&session_key, &line.bytes).client()))
            }
        }
        .ok_or(LoginFailure::ServerNotAuthenticated)
    }
}

fn bytes(answer: &Value, key: &str) -> Result<Vec<u8>, LoginFailure> {
    let text = answer.get(key).and_then(Value::as_text);
    text.and_then(|text| STANDARD.decode(text).ok()).ok_or(LoginFailure::NotAServer { http: false })
}
