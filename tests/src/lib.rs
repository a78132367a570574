//! What the tests share: a stage on the simulator, and transcripts of what
//! everybody on it saw.

#![allow(clippy::expect_used, clippy::panic, reason = "test code: a panic is how it says no")]

mod by_hand;
mod python;
mod stage;
mod tap;
mod transcript;
mod vectors;

pub use by_hand::{Client, House, PlayedServer};
pub use python::python_json;
pub use stage::{
    Chunking, Member, PASSWORD, Raw, Stage, check, describe_event, epoch, password, seed,
};
pub use transcript::{Transcript, abridge};
pub use vectors::{recordings, vectors};
