//! What a command does, on whichever runtime was asked for.

use cmdchat_drivers::runtime::TcpRuntime;

use crate::{
    args::Runtime,
    error::{Exit, Failure},
};

/// Work that any runtime can carry.
pub(in crate::commands) trait Errand {
    fn run<R: TcpRuntime>(self, runtime: &R) -> Result<Exit, Failure>;
}

impl Runtime {
    pub(in crate::commands) fn carry(self, errand: impl Errand) -> Result<Exit, Failure> {
        match self {
            #[cfg(feature = "smol")]
            Self::Smol => errand.run(&cmdchat_drivers::runtime::smol::Smol::new()),
            #[cfg(feature = "blocking")]
            Self::Blocking => errand.run(&cmdchat_drivers::runtime::blocking::Blocking::new()),
        }
    }
}
