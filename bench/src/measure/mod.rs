//! The measurements, one per file.

pub(crate) mod fan_out;
pub(crate) mod latency;
pub(crate) mod login;
pub(crate) mod login_timing;
pub(crate) mod stall;
pub(crate) mod start;
