//! Test with a thousand concurrent members over sealed links: a message from one of
//! them reaches all. The worst delay is printed but not asserted, because machines
//! differ.
//!
//! The test is slow. It runs only in builds with both runtimes, because builds with
//! one runtime behave the same.

#![cfg(all(target_os = "linux", feature = "smol", feature = "blocking"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]
#![allow(clippy::disallowed_methods, reason = "it measures a real delay")]

mod common;

use std::{fs, thread, time::Instant};

use common::{RUNTIMES, Room, sealed_client::Insider};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

const MEMBERS: usize = 1_000;

/// Raises the limit of open files. Each member needs one file here and one in the
/// server, which inherits the limit.
fn allow_enough_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Returns the resident memory of the server, in KiB.
fn resident(room: &Room) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", room.serve.id())).unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim().to_owned()
}

#[test]
fn message_reaches_a_thousand_members() {
    allow_enough_files();
    for runtime in RUNTIMES {
        let limits = ["--max-members", "0", "--max-logins", "0", "--quiet"];
        let room = Room::open(&[&["--runtime", runtime], &limits[..]].concat());
        let begun = Instant::now();
        // Each member reads continuously while others join, as real clients do.
        let listeners: Vec<_> = (1..MEMBERS)
            .map(|number| {
                let mut member = Insider::enter(room.port, &format!("member {number}"));
                thread::spawn(move || {
                    let received = loop {
                        let object = member.hears();
                        if object["type"] == "message" {
                            break object;
                        }
                    };
                    (received, Instant::now(), member)
                })
            })
            .collect();
        let mut speaker = Insider::enter(room.port, "speaker");
        let full = begun.elapsed();

        let sent = Instant::now();
        speaker.says(&json!({ "type": "message", "text": "gAAA" }));
        let received: Vec<_> = listeners.into_iter().map(|member| member.join().unwrap()).collect();
        let worst = received.iter().map(|(_, at, _)| at.duration_since(sent)).max().unwrap();
        println!(
            "{runtime}: {MEMBERS} in after {full:.1?}, {} in memory; the last of them received it \
             after {worst:.1?}",
            resident(&room)
        );
        for (object, ..) in &received {
            assert_eq!(object["data"]["text"], "gAAA");
            assert_eq!(object, &received[0].0, "all members receive the same");
        }
        // The server ends before its members, so it need not announce each departure.
        drop(room);
    }
}
