//! Chaos tests on the simulator. To repeat one seed: `CMDCHAT_CHAOS_SEED=7 cargo test -p
//! cmdchat-tests --test chaos`. To run more seeds: `CMDCHAT_CHAOS_SEEDS=10000`, best with
//! `--release`.

use std::{
    env, panic, process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use cmdchat_core::fuzzing;
use cmdchat_tests::chaos::{self, Report, Size};

/// Default number of seeds.
const USUAL: u64 = 100;

/// Runs `play` for each requested seed, on all processors. `share` is the percentage of the
/// seeds to run.
fn for_all_seeds(share: u64, play: impl Fn(u64) + Sync) {
    let number = |name: &str| Some(env::var(name).ok()?.parse().expect("a number"));
    let seeds = match number("CMDCHAT_CHAOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..(number("CMDCHAT_CHAOS_SEEDS").unwrap_or(USUAL) * share).div_ceil(100),
    };
    let next = AtomicU64::new(seeds.start);
    let processors = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    let played = panic::catch_unwind(panic::AssertUnwindSafe(|| play(seed)));
                    if played.is_err() {
                        eprintln!("\nit was seed {seed}: CMDCHAT_CHAOS_SEED={seed} plays it alone");
                        process::exit(1);
                    }
                }
            });
        }
    });
}

/// Totals and worst values over many runs.
#[derive(Default)]
struct Sum(Mutex<Report>);

impl Sum {
    fn add(&self, one: Report) {
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *sum = Report {
            people: sum.people + one.people,
            members: sum.members + one.members,
            turned_away: sum.turned_away + one.turned_away,
            events: sum.events + one.events,
            told: sum.told + one.told,
            dropped: sum.dropped + one.dropped,
            time: sum.time + one.time,
            worst_delay: sum.worst_delay.max(one.worst_delay),
        };
    }

    fn print(self, what: &str) {
        println!("{what}: {:?}", self.0.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The room and admission control against their model: backlog, history and pending logins
/// stay within their limits.
#[test]
fn rooms_match_their_model() {
    for_all_seeds(500, |seed| {
        let mut dice = fastrand::Rng::with_seed(seed);
        let acts = b"kkjjjjssssssssrrrrrrrrrrdclxppppptt";
        let script: Vec<u8> = (0..2_000)
            .flat_map(|_| [acts[dice.usize(0..acts.len())], dice.u8(..), dice.u8(..)])
            .collect();
        fuzzing::room(&script);
    });
}

#[test]
fn random_crowds_stay_consistent() {
    let sum = Sum::default();
    let size = Size { people: 3..=20, seconds: 10..=600 };
    for_all_seeds(100, |seed| sum.add(chaos::run(seed, &size)));
    sum.print("small crowds");
}

#[test]
fn long_sessions_of_hundreds_stay_consistent() {
    let sum = Sum::default();
    let size = Size { people: 200..=300, seconds: 7_200..=14_400 };
    for_all_seeds(1, |seed| sum.add(chaos::run(seed, &size)));
    sum.print("evenings");
}
