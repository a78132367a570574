//! Chaos tests: a server and randomly generated clients on the simulator, for hours of
//! virtual time.
//!
//! Theory of operation. `generator` derives a scenario from a seed: the clients, their
//! arrival times, connections and behaviours. `workload` runs them through the drivers,
//! with real logins. A witness with a perfect connection is present from beginning to end.
//! Afterwards `checker` compares the events of each client with those of the witness. Each
//! run is reproducible to the byte.

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

/// The size of a run.
#[derive(Clone, Debug)]
pub struct Size {
    /// Range from which the number of clients is drawn.
    pub people: RangeInclusive<usize>,
    /// Range of the period in which clients arrive, in seconds of virtual time.
    pub seconds: RangeInclusive<u64>,
}

/// Statistics of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Number of clients that connected.
    pub people: usize,
    /// Number of clients that logged in.
    pub members: usize,
    /// Clients that knew the password and did not get in: the room was full, the name was
    /// taken or the connection broke.
    pub turned_away: usize,
    /// Number of events in the room.
    pub events: usize,
    /// Number of events delivered to members.
    pub told: usize,
    /// Members that the server dropped as too slow.
    pub dropped: usize,
    /// Virtual time that the run took.
    pub time: Duration,
    /// The longest echo delay of a member with a good connection, beyond the round trip.
    pub worst_delay: Duration,
}

/// Runs the scenario of this seed.
///
/// # Panics
///
/// Panics if any check fails.
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
