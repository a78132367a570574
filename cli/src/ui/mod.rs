//! What is seen and typed. At a person's terminal everything that happens goes
//! into one pure model; the full screen, the plain lines and lines alone are
//! views of it. Programs get objects.

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

/// What is said once one is in the room, beside what the room says.
#[derive(Debug, Default)]
pub struct StartupNotices {
    /// The password could be guessed by whoever records a classic room.
    pub weak_passphrase: bool,
    /// What to tell others who may come.
    pub invite: Option<Instructions>,
    /// And that they are to be told.
    pub show_invite: bool,
    /// And that a camera is, too.
    pub show_qr: bool,
}
