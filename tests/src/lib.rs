//! What the tests share: a stage on the simulator, chaos on it, an attacker on the
//! way, transcripts of what everybody on it saw, a relay that lies, people of every
//! kind over real sockets, both sides by hand, and the recorded data.

pub mod chaos;
mod harness;
mod malicious_server;
mod mitm;
mod python;
mod python_json;
mod sans_io;
mod socket_peers;
mod tap;
mod transcript;
mod vectors;

pub use harness::{
    Chunking, Member, PASSWORD, Raw, Stage, check, check_in, describe_event, epoch, open, password,
    seed,
};
pub use malicious_server::{Relay, Said};
pub use mitm::{Attack, Fate, Way};
pub use python::{Python, PythonPeer};
pub use python_json::python_json;
pub use sans_io::{Client, PlayedServer, TestServer};
pub use socket_peers::{Host, Kind, Peer, Seen, conversation};
pub use transcript::{Transcript, abridge};
pub use vectors::{recordings, vectors};
