//! From [`Untrusted`](cmdchat_core::untrusted::Untrusted) to [`Shown`]: the only
//! way to any screen.
//!
//! A text from a peer can hold codes that drive a terminal, reorder or hide
//! what is read, or imitate a line of ours. Everything that prints takes
//! [`Shown`], and a [`Shown`] comes into being here only: by cleaning a text, or
//! by putting clean parts together.
//!
//! What happens to each code point stands in `clean.rs`, and which names only
//! look like another in `faces.rs`; the other files are the shapes of a message,
//! a name, a line and an object for other programs, and how a line is made to fit.

mod body;
mod clean;
mod faces;
mod json;
mod name;
mod reveal;
mod shown;
mod wrap;

pub use body::ShownBody;
pub use clean::draft;
pub use faces::Faces;
pub use reveal::revealed;
pub use shown::{Clean, Shown};

pub(crate) use clean::{tail, width};

#[cfg(test)]
mod tests;
