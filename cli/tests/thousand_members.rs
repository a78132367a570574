//! A thousand members at once, all logged in, all over sealed links: what one of
//! them says reaches every one. The worst delay is printed, not asserted:
//! machines differ. It takes a while, and a program with one runtime is no other
//! than one with both.

#![cfg(all(target_os = "linux", feature = "smol", feature = "blocking"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]
#![allow(clippy::disallowed_methods, reason = "it measures a real delay")]

mod common;

use std::{fs, thread, time::Instant};

use common::{RUNTIMES, Room, sealed_client::Insider};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

const MEMBERS: usize = 1_000;

/// Every member is a file here and one in the server, which inherits this limit.
fn allow_enough_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// What the server holds in memory, in KiB.
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
        // Each reads all along, as people do: others come in meanwhile.
        let listeners: Vec<_> = (1..MEMBERS)
            .map(|number| {
                let mut member = Insider::enter(room.port, &format!("member {number}"));
                thread::spawn(move || {
                    let heard = loop {
                        let object = member.hears();
                        if object["type"] == "message" {
                            break object;
                        }
                    };
                    (heard, Instant::now(), member)
                })
            })
            .collect();
        let mut speaker = Insider::enter(room.port, "speaker");
        let full = begun.elapsed();

        let said = Instant::now();
        speaker.says(&json!({ "type": "message", "text": "gAAA" }));
        let heard: Vec<_> = listeners.into_iter().map(|member| member.join().unwrap()).collect();
        let worst = heard.iter().map(|(_, at, _)| at.duration_since(said)).max().unwrap();
        println!(
            "{runtime}: {MEMBERS} in after {full:.1?}, {} in memory; the last of them heard it \
             after {worst:.1?}",
            resident(&room)
        );
        for (object, ..) in &heard {
            assert_eq!(object["data"]["text"], "gAAA");
            assert_eq!(object, &heard[0].0, "all are told the same");
        }
        // Before its members: it need not tell each of the leaving of all.
        drop(room);
    }
}
