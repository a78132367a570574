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
    Chunking, Harness, Member, PASSWORD, Raw, check, check_in, describe_event, epoch, open,
    password, seed,
};
pub use malicious_server::{MaliciousServer, Said};
pub use mitm::{Attack, Direction, Verdict};
pub use python::{Python, PythonPeer};
pub use python_json::python_json;
pub use sans_io::{Client, ScriptedServer, TestServer};
pub use socket_peers::{Kind, Observed, Peer, TestHost, conversation};
pub use transcript::{Transcript, abridge};
pub use vectors::{recordings, vectors};
