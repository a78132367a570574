//! Steps that several commands share.

pub(super) mod chat;
pub(super) mod login;
pub(super) mod room_kind;
pub(super) mod runtime;
pub(super) mod server;
