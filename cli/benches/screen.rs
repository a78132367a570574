//! Benchmark of the full screen: latency from a key to the screen at a thousand
//! messages a second, and memory for ten thousand messages of scrollback.
//!
//! `cargo bench -p cmdchat --bench screen`

#![allow(clippy::unwrap_used, reason = "a benchmark fails that way")]
#![allow(clippy::disallowed_methods, reason = "this is where time is measured")]

#[path = "../tests/common/ui_fixture.rs"]
#[allow(dead_code, reason = "a benchmark uses a part of this")]
mod ui_fixture;

use std::{
    fs,
    time::{Duration, Instant},
};

use cmdchat::ui::{
    keymap::{Action, ScrollAction},
    layout::Size,
    terminal::Painter,
};
use ui_fixture::Scene;

/// Columns and rows of a large window.
const SIZE: (u16, u16) = (200, 60);
const MESSAGES: usize = 10_000;
/// Messages that arrive between two frames at a thousand messages a second.
const BETWEEN_FRAMES: usize = 16;
const FRAMES: usize = 2_000;

fn main() {
    let mut scene = Scene::new(SIZE.0, SIZE.1);
    let before = resident();
    for number in 0..MESSAGES {
        scene.says(["bob", "carol", "dave"][number % 3], &text(number));
    }
    let after = resident();
    println!("{MESSAGES} messages: {} KiB more, {after} KiB resident in all", after - before);
    assert!(after < 64 << 10, "over 64 MiB");

    println!("a key to the screen of {}x{}, while 1,000 messages a second come:", SIZE.0, SIZE.1);
    keys(&mut scene, "at the newest message");
    for _ in 0..20 {
        scene.press(Action::Scroll(ScrollAction::PageUp));
    }
    keys(&mut scene, "further up");
}

/// Returns a text of about 60 to 200 characters.
fn text(number: usize) -> String {
    format!("message {number} {}", "with some words of text ".repeat(2 + number % 7))
}

/// Measures the time from a key to the last byte for the terminal.
fn keys(scene: &mut Scene, place: &str) {
    let mut painter = Painter::blank(Size { columns: SIZE.0, rows: SIZE.1 });
    let mut bytes = Vec::new();
    let mut times = Vec::new();
    for frame in 0..FRAMES {
        for number in 0..BETWEEN_FRAMES {
            scene.says("bob", &text(frame * BETWEEN_FRAMES + number));
        }
        let begin = Instant::now();
        scene.types(if frame % 40 == 39 { "\n" } else { "x" });
        bytes.clear();
        painter.paint(&mut bytes, scene.frame()).unwrap();
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| micros(times[(FRAMES - 1) * share / 100]);
    println!("  {place}: median {}, 99 in 100 within {}, worst {}", at(50), at(99), at(100));
}

fn micros(time: Duration) -> String {
    format!("{} µs", time.as_micros())
}

/// Returns the resident memory of this process, in KiB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
