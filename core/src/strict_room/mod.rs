//! Strict rooms (PROTOCOL 2.6): envelopes, the hash chain, and the auditor that checks both.

pub(crate) mod auditor;
pub(crate) mod envelope;
pub mod hash_chain;
