//! What the tests share: a stage on the simulator, transcripts of what
//! everybody on it saw, people of every kind over real sockets, and the
//! recorded data.

mod peers;
mod python;
mod stage;
mod tap;
mod transcript;
mod vectors;

pub use peers::{Guest, Host, Kind, Seen, conversation};
pub use python::{Python, PythonPeer};
pub use stage::{Chunking, Member, PASSWORD, Raw, Stage, check, password, seed};
pub use transcript::{Transcript, abridge};
pub use vectors::{recordings, vectors};
