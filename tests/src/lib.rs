//! What the tests share: a stage on the simulator, chaos on it, transcripts of what
//! everybody on it saw, people of every kind over real sockets, both sides by
//! hand, and the recorded data.

mod by_hand;
pub mod chaos;
mod peers;
mod python;
mod python_json;
mod stage;
mod tap;
mod transcript;
mod vectors;

pub use by_hand::{Client, House, PlayedServer};
pub use peers::{Guest, Host, Kind, Seen, conversation};
pub use python::{Python, PythonPeer};
pub use python_json::python_json;
pub use stage::{
    Chunking, Member, PASSWORD, Raw, Stage, check, check_in, describe_event, epoch, open, password,
    seed,
};
pub use transcript::{Transcript, abridge};
pub use vectors::{recordings, vectors};
