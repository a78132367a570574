//! Strict rooms (PROTOCOL 2.6): envelopes, the hash chain, and the member that audits both.

pub(crate) mod auditor;
pub(crate) mod envelope;
pub mod hash_chain;
