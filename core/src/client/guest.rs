//! Who wants to come in.

use crate::{
    client::event::Mode, fingerprint::Fingerprint, name::Name, secret::Password, time::Epoch,
};

/// A client to be: its name, what it knows, and what it insists on. One value
/// serves all logins of a client's lifetime.
#[derive(Debug)]
pub struct Guest {
    pub(crate) name: Name,
    pub(crate) password: Password,
    pub(crate) epoch: Epoch,
    pub(crate) require: Mode,
    pub(crate) room: Option<Fingerprint>,
}

impl Guest {
    /// Accepts whatever the server offers; `epoch` is the wall time at
    /// [`crate::time::Tick::ZERO`].
    #[must_use]
    pub const fn new(name: Name, password: Password, epoch: Epoch) -> Self {
        Self { name, password, epoch, require: Mode::Open, room: None }
    }

    /// Accepts nothing weaker than `mode`.
    #[must_use]
    pub fn require(self, mode: Mode) -> Self {
        Self { require: mode, ..self }
    }

    /// Accepts this room only.
    #[must_use]
    pub fn room(self, fingerprint: Fingerprint) -> Self {
        Self { room: Some(fingerprint), ..self }
    }

    /// The name asked for.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }
}
