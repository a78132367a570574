//! Who comes, when, and what they are like.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use cmdchat_core::{
    crypto::kdf::Kdf,
    server::{Limits, Rate},
    time::Tick,
};
use cmdchat_drivers::runtime::sim::{ChunkSize, DirectionConfig, LinkConfig};
use fastrand::Rng;

use super::Size;

/// A server, and its crowd.
pub(super) struct Scenario {
    /// Classic or strict.
    pub(super) kdf: Kdf,
    pub(super) limits: Limits,
    pub(super) people: Vec<Actor>,
}

/// Somebody who comes.
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) comes: Tick,
    pub(super) kind: Kind,
    pub(super) link: LinkConfig,
    /// It knows no protocol but the first, as Python clients.
    pub(super) old: bool,
    /// The longest it is silent.
    pub(super) patience: Duration,
    /// It leaves when all that it said has come back, and not before.
    pub(super) finishes: bool,
    /// Nothing about the connection gives a reason to drop it.
    pub(super) good: bool,
    /// Its own chance.
    pub(super) dice: Rng,
}

/// What somebody is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Listens, and says nothing, to the end.
    Witness,
    /// Talks now and then, and leaves some time.
    Talker,
    /// Says more than it may, as fast as it is let.
    Flooder,
    /// Stops listening for a long while.
    Sleeper,
    /// Has a wrong password.
    Guesser,
    /// Sends anything but a login.
    Stranger,
}

/// Who sees all of it.
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
    let kdf = if strict { Kdf::Argon2id } else { Kdf::None };
    let mut limits = limits(dice);
    // In a strict room one that asks all the same is put out.
    limits.allow_clear |= strict;
    // Of twenty; in some rooms hardly anybody can be heard.
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
            // A talker never has to wait for its turn.
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

fn person(dice: &mut Rng, number: usize, seconds: u64, loud: u8, kdf: Kdf) -> Actor {
    let kind = match dice.u8(0..20) {
        guest if guest < loud => Kind::Flooder,
        0..12 => Kind::Talker,
        12..15 => Kind::Sleeper,
        15..17 => Kind::Guesser,
        _ => Kind::Stranger,
    };
    let good = kind == Kind::Talker && dice.bool();
    // Some want a name that others may have.
    let name =
        if dice.u8(0..5) == 0 { format!("one of {}", dice.u8(0..4)) } else { format!("p{number}") };
    let source = SocketAddr::from(([10, 0, 0, dice.u8(0..12)], 1024));
    let (up, down) = if good { (lane(dice), lane(dice)) } else { (bad(dice), bad(dice)) };
    Actor {
        name,
        comes: Tick::from_start(Duration::from_millis(dice.u64(1..=seconds * 1_000))),
        kind,
        link: LinkConfig { up, down, peer: Some(source) },
        old: kdf == Kdf::None && dice.u8(0..3) == 0,
        patience: Duration::from_secs([5, 60, 900][dice.usize(0..3)]),
        finishes: dice.bool(),
        good,
        dice: dice.fork(),
    }
}

/// Room for everything and no time at all.
fn perfect() -> DirectionConfig {
    DirectionConfig { capacity: 64 << 20, ..DirectionConfig::default() }
}

/// A connection that nobody has to complain of.
fn lane(dice: &mut Rng) -> DirectionConfig {
    DirectionConfig {
        latency: Duration::from_millis(dice.u64(0..200)),
        chunk: chunk(dice),
        write_chunk: chunk(dice),
        capacity: 4 << 20,
        cut_after: None,
    }
}

/// One with every reason to.
fn bad(dice: &mut Rng) -> DirectionConfig {
    /// Line 1, a login, a short stay, a long one.
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
