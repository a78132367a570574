//! The measurements, one a file.

pub(crate) mod fan_out;
pub(crate) mod latency;
pub(crate) mod logins;
pub(crate) mod refusals;
pub(crate) mod silence;
pub(crate) mod start;
