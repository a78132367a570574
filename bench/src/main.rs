//! The program `cmdchat-bench`. It measures by epoll and `/proc`, so it has
//! nothing to say elsewhere than on Linux.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return cmdchat_bench::run();
    #[cfg(not(target_os = "linux"))]
    {
        eprintln!("cmdchat-bench needs Linux");
        ExitCode::FAILURE
    }
}
