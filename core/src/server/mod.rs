//! server
pub mod gate;
pub mod limits;
pub(crate) mod pace;
