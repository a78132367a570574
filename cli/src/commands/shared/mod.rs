//! Steps that several commands share.

pub(super) mod chat;
pub(super) mod credentials;
pub(super) mod login;
pub(super) mod runtime;
pub(super) mod server;
