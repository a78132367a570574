//! A server that the test scripts.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use cmdchat_core::{
    crypto::srp::{PublicValue, Salt, ServerChallenge, Verifier},
    secret::Secret,
};
use serde_json::{Value, json};

use crate::{PASSWORD, password};

/// A server that knows the password and sends the lines the test chooses.
pub struct ScriptedServer {
    verifier: Arc<Verifier>,
    b: [u8; 32],
    room_salt: [u8; 16],
}

impl ScriptedServer {
    /// Creates a server with [`PASSWORD`] and its own random numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Salt::from(*b"sixteen bytes .."), [3; 32], *b"and sixteen more")
    }

    /// Creates a server with [`PASSWORD`] and the random numbers of another server.
    #[must_use]
    pub fn with(salt: Salt, b: [u8; 32], room_salt: [u8; 16]) -> Self {
        Self { verifier: Arc::new(Verifier::new(&password(PASSWORD), salt)), b, room_salt }
    }

    /// Returns the correct line 2.
    #[must_use]
    pub fn challenge(&self) -> Value {
        json!({
            "user_id": "c9bf9e57-1685-4c89-bafb-ff5af830be8a",
            "B": STANDARD.encode(self.start().public()),
            "salt": STANDARD.encode(self.verifier.salt().as_bytes()),
            "room_salt": STANDARD.encode(self.room_salt),
        })
    }

    /// Returns the correct line 4 for the client that sent these lines 1 and 3, or `None`
    /// if the client does not know the password.
    ///
    /// # Panics
    ///
    /// Panics if these are not lines of a client.
    #[must_use]
    pub fn confirmation(&self, line_1: &str, line_3: &str) -> Option<Value> {
        let field = |line: &str, name: &str| {
            let line: Value = serde_json::from_str(line).expect("a client writes JSON");
            STANDARD.decode(line[name].as_str().expect("a text")).expect("base64")
        };
        let a = PublicValue::from_wire(&field(line_1, "A")).expect("a good A");
        let proven = self.start().answer(&a).check(&field(line_3, "M")).ok()?;
        Some(json!({
            "H_AMK": STANDARD.encode(proven.h_amk),
            "session_key": STANDARD.encode("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
        }))
    }

    fn start(&self) -> ServerChallenge {
        let b = Secret::take(&mut self.b.clone());
        ServerChallenge::new(Arc::clone(&self.verifier), b)
    }
}

impl Default for ScriptedServer {
    fn default() -> Self {
        Self::new()
    }
}
