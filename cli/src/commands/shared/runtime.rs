//! Runs a command on the runtime selected with `--runtime`.

use cmdchat_drivers::runtime::TcpRuntime;

use crate::{
    args::RuntimeKind,
    error::{Error, ExitStatus},
};

/// A command, generic over the runtime.
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
