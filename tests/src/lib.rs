//! What the tests share: a stage on the simulator, and transcripts of what
//! everybody on it saw.

mod stage;
mod tap;
mod transcript;
mod vectors;

pub use stage::{Chunking, Member, PASSWORD, Raw, Stage, check, password, seed};
pub use transcript::{Transcript, abridge};
pub use vectors::{recordings, vectors};
