//! drivers
pub mod contract;
