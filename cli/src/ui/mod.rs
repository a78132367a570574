//! The terminal user interface.
//!
//! One pure model receives everything that happens. The full screen, the plain
//! view and line output are views of that model. Programs use
//! [`json`](crate::json) instead.

pub mod app;
pub mod editor;
pub mod keymap;
pub mod layout;
pub(crate) mod mentions;
mod message_list;
pub mod model;
pub mod plain;
pub mod render;
pub(crate) mod stdout;
pub(crate) mod strings;
pub mod terminal;
pub mod theme;

use crate::invite::Instructions;

/// Notices shown once after the client has joined the room.
#[derive(Debug, Default)]
pub struct StartupNotices {
    /// Someone who records a classic room could guess the passphrase offline.
    pub weak_passphrase: bool,
    /// The invitation for other people.
    pub invite: Option<Instructions>,
    /// Show the invitation as text.
    pub show_invite: bool,
    /// Show the invitation as a QR code.
    pub show_qr: bool,
}
