//! Shared test support: a harness on the simulator, randomized chaos runs, a man in the
//! middle, transcripts, a malicious relay, peers over real sockets, sans-IO drivers for
//! both sides, and the test vectors.

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
