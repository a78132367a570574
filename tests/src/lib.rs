//! What the tests share: a stage on the simulator, chaos on it, an attacker on the
//! way, transcripts of what everybody on it saw, a relay that lies, people of every
//! kind over real sockets, both sides by hand, and the recorded data.

mod attacker;
mod by_hand;
pub mod chaos;
mod peers;
mod python;
mod python_json;
mod relay;
mod stage;
mod tap;
mod transcript;
mod vectors;

pub use attacker::{Attack, Fate, Way};
pub use by_hand::{Client, PlayedServer, TestServer};
pub use peers::{Host, Kind, Peer, Seen, conversation};
pub use python::{Python, PythonPeer};
pub use python_json::python_json;
pub use relay::{Relay, Said};
pub use stage::{
    Chunking, Member, PASSWORD, Raw, Stage, check, check_in, describe_event, epoch, open, password,
    seed,
};
pub use transcript::{Transcript, abridge};
pub use vectors::{recordings, vectors};
