//! What a command does, on whichever runtime was asked for.

use cmdchat_drivers::runtime::TcpRuntime;

use crate::{
    args::RuntimeKind,
    error::{Error, ExitStatus},
};

/// Work that any runtime can carry.
pub(in crate::commands) trait RuntimeTask {
    fn run<R: TcpRuntime>(self, runtime: &R) -> Result<ExitStatus, Error>;
}

impl RuntimeKind {
    pub(in crate::commands) fn run(self, task: impl RuntimeTask) -> Result<ExitStatus, Error> {
        match self {
            #[cfg(feature = "smol")]
            Self::Smol => task.run(&cmdchat_drivers::runtime::smol::Smol::new()),
            #[cfg(feature = "blocking")]
            Self::Blocking => task.run(&cmdchat_drivers::runtime::blocking::Blocking::new()),
        }
    }
}
