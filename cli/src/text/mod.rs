//! From [`Untrusted`](cmdchat_core::untrusted::Untrusted) to [`SafeText`]: the only
//! way to any screen.
//!
//! A text from a peer can hold codes that drive a terminal, reorder or hide
//! what is read, or imitate a line of ours. Everything that prints takes
//! [`SafeText`], and a [`SafeText`] comes into being here only: by cleaning a text, or
//! by putting clean parts together.
//!
//! What happens to each code point stands in `clean.rs`, and which names only
//! look like another in `confusables.rs`; the other files are the shapes of a message,
//! a name, a line and an object for other programs, and how a line is made to fit.

mod confusables;
mod escape;
mod json;
mod message;
mod safe_text;
mod sanitize;
mod username;
mod wrap;

pub use crate::text::confusables::ConfusableNames;
pub use crate::text::escape::escape_invisible;
pub use crate::text::message::SafeBody;
pub use crate::text::safe_text::{SafeDisplay, SafeText};
pub use crate::text::sanitize::sanitize_draft;

pub(crate) use crate::text::sanitize::{tail, width};

#[cfg(test)]
mod tests;
