//! Tests of `cmdchat doctor`, which reports on the environment.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{cmdchat, run};

#[test]
fn doctor_reports_the_terminal_environment() {
    let outside = ["TMUX", "STY", "ZELLIJ"];
    let mut doctor = cmdchat(&["doctor"]);
    outside.iter().for_each(|name| {
        doctor.env_remove(name);
    });
    let alone = run(&mut doctor);
    alone.is_success();
    assert!(
        alone.out.contains("terminal: none: plain lines\nmultiplexer: none\n"),
        "{}",
        alone.out
    );
    let inside = run(doctor.env("TMUX", "/tmp/tmux-0/default,1,0"));
    assert!(inside.out.contains("multiplexer: tmux: "), "{}", inside.out);
}

#[cfg(target_os = "linux")]
#[test]
fn doctor_reports_process_protection() {
    let doctor = run(&mut cmdchat(&["doctor"]));
    assert!(doctor.out.contains("other processes: cannot look"), "{}", doctor.out);
    assert!(doctor.out.contains("core dumps: none of this program"), "{}", doctor.out);
    let swaps = std::fs::read_to_string("/proc/swaps").unwrap().lines().count() > 1;
    assert!(doctor.out.contains(if swaps { "swap: on" } else { "swap: off" }), "{}", doctor.out);
}
