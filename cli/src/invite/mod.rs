//! Invites: the address of a room with a code of random words.

mod instructions;
mod link;
mod qr;
pub mod word_code;
pub(crate) mod wordlist;

pub use instructions::Instructions;
pub use link::{HostPort, Invite};
pub use word_code::{CLASSIC_WORDS, STRICT_WORDS, WordCode, WordCodeError};
