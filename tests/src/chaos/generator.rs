//! Generates a scenario from a seed: the clients, their arrival times and their behaviours.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use cmdchat_core::{
    room_kind::RoomKind,
    server::{Limits, Rate},
    time::Tick,
};
use cmdchat_drivers::runtime::sim::{ChunkSize, DirectionConfig, LinkConfig};
use fastrand::Rng;

use super::Size;

/// A server and its clients.
pub(super) struct Scenario {
    /// Classic or strict.
    pub(super) kdf: RoomKind,
    pub(super) limits: Limits,
    pub(super) people: Vec<Actor>,
}

/// One client of a scenario.
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) comes: Tick,
    pub(super) kind: Kind,
    pub(super) link: LinkConfig,
    /// The client speaks protocol 1 only, as Python clients do.
    pub(super) old: bool,
    /// The longest pause between two actions of the client.
    pub(super) patience: Duration,
    /// The client leaves only after all its messages have been echoed.
    pub(super) finishes: bool,
    /// The connection gives the server no reason to drop the client.
    pub(super) good: bool,
    /// The client's own random numbers.
    pub(super) dice: Rng,
}

/// The behaviour of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only listens, to the end of the run.
    Witness,
    /// Sends a message now and then, and leaves at some time.
    Talker,
    /// Sends more than its rate limit allows, as fast as the server reads.
    Flooder,
    /// Stops reading for a long time.
    Sleeper,
    /// Tries a wrong password.
    Guesser,
    /// Sends arbitrary bytes that are not a login.
    Stranger,
}

/// Returns the witness, which sees every event of the run.
pub(super) fn witness() -> Actor {
    Actor {
        name: "witness".into(),
        comes: Tick::ZERO,
        kind: Kind::Witness,
        link: LinkConfig { peer: Some(([10, 9, 9, 9], 1).into()), ..LinkConfig::both(perfect()) },
        old: false,
        patience: Duration::ZERO,
        finishes: true,
        good: true,
        dice: Rng::with_seed(0),
    }
}

pub(super) fn draw(dice: &mut Rng, size: &Size) -> Scenario {
    let seconds = dice.u64(size.seconds.clone());
    let count = dice.usize(size.people.clone());
    let strict = dice.u8(0..3) == 0;
    let kdf = if strict { RoomKind::Strict } else { RoomKind::Classic };
    let mut limits = limits(dice);
    // A strict room disconnects a member that sends a clear request although clearing is
    // not allowed.
    limits.allow_clear |= strict;
    // Out of 20; in some rooms flooders drown out most other clients.
    let loud = dice.u8(0..8);
    let people = (0..count).map(|number| person(dice, number, seconds, loud, kdf)).collect();
    Scenario { kdf, limits, people }
}

fn limits(dice: &mut Rng) -> Limits {
    Limits {
        login_timeout: Duration::from_secs(dice.u64(5..=60)),
        max_logins: Some(dice.usize(4..=64)),
        max_logins_per_source: Some(dice.usize(2..=8)),
        max_concurrent_srp: dice.usize(1..=2),
        max_queued_srp: dice.usize(1..=64),
        max_members: Some(dice.usize(4..=300)),
        max_members_per_source: Some(dice.usize(4..=50)),
        message_rate: Some(Rate {
            // A talker never reaches its rate limit.
            burst: dice.u32(30..=60),
            interval: Duration::from_millis(dice.u64(20..=500)),
        }),
        clear_interval: Duration::from_secs(dice.u64(1..=30)),
        allow_clear: dice.u8(..) > 20,
        max_history: Some(dice.usize(0..=60)),
        max_history_bytes: Some(dice.usize(2_000..=200_000)),
        max_backlog: Some(dice.u64(256 << 10..=1 << 20)),
        stall_timeout: Some(Duration::from_secs(dice.u64(5..=60))),
        limit_loopback: false,
    }
}

fn person(dice: &mut Rng, number: usize, seconds: u64, loud: u8, kdf: RoomKind) -> Actor {
    let kind = match dice.u8(0..20) {
        guest if guest < loud => Kind::Flooder,
        0..12 => Kind::Talker,
        12..15 => Kind::Sleeper,
        15..17 => Kind::Guesser,
        _ => Kind::Stranger,
    };
    let good = kind == Kind::Talker && dice.bool();
    // Some clients want a name that another client may have.
    let name =
        if dice.u8(0..5) == 0 { format!("one of {}", dice.u8(0..4)) } else { format!("p{number}") };
    let source = SocketAddr::from(([10, 0, 0, dice.u8(0..12)], 1024));
    let (up, down) = if good { (lane(dice), lane(dice)) } else { (bad(dice), bad(dice)) };
    Actor {
        name,
        comes: Tick::from_start(Duration::from_millis(dice.u64(1..=seconds * 1_000))),
        kind,
        link: LinkConfig { up, down, peer: Some(source) },
        old: kdf == RoomKind::Classic && dice.u8(0..3) == 0,
        patience: Duration::from_secs([5, 60, 900][dice.usize(0..3)]),
        finishes: dice.bool(),
        good,
        dice: dice.fork(),
    }
}

/// Returns a direction with unlimited capacity and no latency.
fn perfect() -> DirectionConfig {
    DirectionConfig { capacity: 64 << 20, ..DirectionConfig::default() }
}

/// Returns a direction of a good connection.
fn lane(dice: &mut Rng) -> DirectionConfig {
    DirectionConfig {
        latency: Duration::from_millis(dice.u64(0..200)),
        chunk: chunk(dice),
        write_chunk: chunk(dice),
        capacity: 4 << 20,
        cut_after: None,
    }
}

/// Returns a direction of a bad connection.
fn bad(dice: &mut Rng) -> DirectionConfig {
    /// Cut during line 1, during the login, early in the session, late in the session.
    const CUTS: [RangeInclusive<u64>; 4] = [0..=450, 0..=1_200, 1_000..=5_000, 5_000..=100_000];
    let cut = CUTS[dice.usize(0..4)].clone();
    let slow = 1 << dice.u8(0..13);
    DirectionConfig {
        latency: Duration::from_millis(dice.u64(0..=slow)),
        capacity: 64 << dice.u8(0..11),
        cut_after: (dice.u8(0..3) == 0).then(|| dice.u64(cut)),
        ..lane(dice)
    }
}

fn chunk(dice: &mut Rng) -> ChunkSize {
    match dice.u8(0..4) {
        0 => ChunkSize::Whole,
        1 => ChunkSize::Bytes(dice.usize(1..50)),
        _ => ChunkSize::Random(dice.u64(..)),
    }
}
