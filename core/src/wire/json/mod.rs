//! JSON readers: lenient for what Python peers send, strict for sealed links.

pub mod lenient;
pub(crate) mod strict;
