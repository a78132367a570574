//! The `cmdchat-bench` binary. It needs epoll and `/proc`, so it runs on Linux only.

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
