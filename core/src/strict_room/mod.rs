//! Strict rooms (PROTOCOL 2.6): members' keys, envelopes, the hash chain, and the auditor
//! that checks all of them.

pub(crate) mod auditor;
pub(crate) mod envelope;
pub mod hash_chain;
pub mod member_key;
mod members;
pub(crate) mod roll_call;
