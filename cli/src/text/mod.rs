//! Sanitizers from [`Untrusted`](cmdchat_core::untrusted::Untrusted) to [`SafeText`],
//! the only text type that output functions accept.
//!
//! Text from a peer can contain codes that control the terminal, reorder or hide
//! text, or imitate the program's own lines. Only this module creates a
//! [`SafeText`], by sanitizing text or by concatenating safe parts.
//!
//! `sanitize.rs` holds the rule for each code point, and `confusables.rs` detects
//! usernames that look alike. The other files format messages, usernames and JSON,
//! and wrap lines.

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
pub(crate) use crate::text::sanitize::TAB;
pub use crate::text::sanitize::sanitize_draft;

pub(crate) use crate::text::sanitize::{tail, width};

#[cfg(test)]
mod tests;
