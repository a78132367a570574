//! The two kinds of room.

/// The kind of a room, which decides how its keys are derived from the passphrase
/// (PROTOCOL 2.1) and whether its members audit the server (PROTOCOL 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomKind {
    /// Compatible with protocol 1: keys are derived from the passphrase directly.
    Classic,
    /// Keys are derived by Argon2id, version 0x13, with 64 MiB, three passes and
    /// four lanes. Members verify the order and completeness of messages.
    Strict,
}

impl RoomKind {
    /// The name of the key derivation function on the wire.
    #[must_use]
    pub const fn kdf_name(self) -> &'static str {
        match self {
            Self::Classic => "none",
            Self::Strict => "argon2id-v19-m65536-t3-p4",
        }
    }

    /// The kind of room whose key derivation function has this name, if any.
    #[must_use]
    pub fn from_kdf_name(name: &str) -> Option<Self> {
        [Self::Classic, Self::Strict].into_iter().find(|kind| kind.kdf_name() == name)
    }
}
