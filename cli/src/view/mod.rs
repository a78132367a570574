//! What is seen and typed. At a person's terminal everything that happens goes
//! into one pure model; the full screen, the plain lines and lines alone are
//! views of it. Programs get objects.

pub mod chat;
pub mod editor;
pub mod json;
pub mod keyboard;
pub mod keys;
pub mod layout;
pub mod look;
mod meaning;
pub mod model;
mod outbox;
mod output;
mod pane;
pub mod plain;
pub mod regain;
pub mod screen;
pub mod talk;
pub mod terminal;
mod words;

use crate::code::Card;

/// What is said once one is in the room, beside what the room says.
#[derive(Debug, Default)]
pub struct Opening {
    /// The password could be guessed by whoever records a classic room.
    pub guessable: bool,
    /// What to tell others who may come.
    pub card: Option<Card>,
    /// And that they are to be told.
    pub hosts: bool,
    /// And that a camera is, too.
    pub draws: bool,
}
