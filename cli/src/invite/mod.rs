//! What a host gives to friends: an invitation with a code of random words.

mod instructions;
mod link;
mod qr;
pub mod word_code;
pub(crate) mod wordlist;

pub use instructions::Card;
pub use link::{Invite, Place};
pub use word_code::{BadCode, CLASSIC, Code, STRICT};
