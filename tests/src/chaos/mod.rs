//! Chaos: a server on the simulator and a crowd drawn from a seed, for hours of
//! virtual time.
//!
//! Theory of operation. A `plan` says who comes when, over what kind of
//! connection, and what they are like; `life` plays them, all through the
//! drivers and with real logins; a witness with a perfect connection is there
//! from the beginning to the end. Afterwards `verdict` holds what each of them
//! was told against what the witness was told. Each run repeats to the byte.

mod checker;
mod generator;
mod workload;

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cmdchat_core::time::Tick;
use cmdchat_drivers::{
    runtime::Runtime as _,
    runtime::sim::{Deadlock, Sim},
    server::ServerEvent,
};

use crate::harness;

/// How large a run is.
#[derive(Clone, Debug)]
pub struct Size {
    /// How many come, drawn from here.
    pub people: RangeInclusive<usize>,
    /// For how long they go on coming, in seconds of virtual time.
    pub seconds: RangeInclusive<u64>,
}

/// What a run was like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Who came.
    pub people: usize,
    /// Who got in.
    pub members: usize,
    /// Who knew the password and was turned away all the same: the room was full,
    /// the name taken, the connection broken.
    pub turned_away: usize,
    /// What happened in the room.
    pub events: usize,
    /// How often somebody was told of it.
    pub told: usize,
    /// Members that the server dropped because they were too slow.
    pub dropped: usize,
    /// Virtual time.
    pub time: Duration,
    /// The longest that a member with a good connection waited for its own
    /// words, beyond the way there and back.
    pub worst_delay: Duration,
}

/// Plays the run of this seed.
///
/// # Panics
///
/// If anything in it is not as it should be.
#[must_use]
pub fn run(seed: u64, size: &Size) -> Report {
    let mut dice = fastrand::Rng::with_seed(seed);
    let plan = generator::draw(&mut dice, size);
    let sim = Sim::new();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let console = Arc::clone(&notes);
    let (server, stop) =
        harness::open(&sim, plan.kdf, plan.limits.clone(), move |note: ServerEvent| {
            console.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        });
    let stage =
        workload::Harness { sim: sim.clone(), server, login_timeout: plan.limits.login_timeout };
    let lives = sim.run(async {
        let witness = stage.begin(generator::witness(), 0);
        let lives: Vec<_> =
            (1..).zip(plan.people).map(|(number, one)| stage.begin(one, number)).collect();
        let mut records = Vec::new();
        for life in lives {
            records.push(life.await);
        }
        stop.close();
        (witness.await, records)
    });
    let (witness, records) = lives.unwrap_or_else(|deadlock| panic!("{deadlock}"));
    let time = sim.now().saturating_duration_since(Tick::ZERO);
    match sim.run(std::future::pending::<()>()) {
        Err(Deadlock { tasks: 0, .. }) => {}
        other => panic!("all are gone, and something is left of them: {other:?}"),
    }
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    Report { time, ..checker::judge(&plan.limits, &witness, &records, &notes) }
}
