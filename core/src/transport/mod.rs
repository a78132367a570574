//! The transport layer of a connection: lines, records, keepalive and the broadcast log.

pub mod broadcast;
pub mod frame;
pub(crate) mod keepalive;
pub mod line_decoder;
pub mod record;
pub(crate) mod record_layer;
