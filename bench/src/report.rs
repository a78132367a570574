//! The report: every figure that has a target, as a Markdown table.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    Result,
    measure::{
        fan_out::{self, Load},
        latency, login,
        login_timing::{self, CASES},
        stall, start,
    },
    process,
    room::Room,
    server::{self, Kind, Limits, Server},
};

/// Measured turns of wrong proofs on one server. With the first one for warming up they are
/// 49 wrong proofs; from 60 on a server lets the next login wait.
const TURNS: usize = 6;

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Message fan-out to 10, 100, 1,000 and 5,000 members
    FanOut,
    /// Successful logins
    Logins,
    /// Timing of rejected logins
    Refusals,
    /// Memory of idle members
    Idle,
    /// Effect of stalled readers and logins on other members
    Manners,
    /// Program start
    Start,
}

/// Parameters of the report.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) runs: usize,
    pub(crate) parts: Vec<Part>,
    /// Servers to measure besides cmdchat and the baseline.
    pub(crate) others: Vec<Kind>,
    /// Duration of each message run.
    pub(crate) time: Duration,
    /// Maximum room size; larger rooms are skipped.
    pub(crate) members: usize,
}

impl Plan {
    pub(crate) fn print(&self) -> Result<()> {
        println!("{}; medians of {} alternating runs\n", process::machine(), self.runs);
        println!("| what | target | cmdchat | others |\n|---|---|---|---|");
        for part in &self.parts {
            match part {
                Part::FanOut => self.fan_out()?,
                Part::Logins => self.logins()?,
                Part::Refusals => self.refusals()?,
                Part::Idle => self.idle()?,
                Part::Manners => self.manners()?,
                Part::Start => self.start()?,
            }
        }
        Ok(())
    }

    fn fan_out(&self) -> Result<()> {
        let load = |senders, window| Load { senders, window, text: 64, time: self.time };
        let all: Vec<_> =
            [Kind::Floor, Kind::Cmdchat].into_iter().chain(self.others.iter().copied()).collect();
        self.rooms(1_000, &all, &[(load(10, 64), "2x floor"), (load(1, 1), "1.25x floor")])?;
        self.rooms(100, &all, &[(load(10, 64), "2.5x floor"), (load(1, 1), "1.4x floor")])?;
        self.rooms(10, &all, &[(load(10, 64), "2.5x floor"), (load(1, 1), "1.4x floor")])?;
        let few = [Kind::Floor, Kind::Cmdchat];
        self.rooms(1_000, &[Kind::Sealed], &[(load(10, 64), "2.5 µs")])?;
        self.rooms(100, &few, &[(load(1, 64), "")])?;
        self.rooms(5_000, &few, &[(load(1, 64), "1.3x that at 100")])?;
        self.rooms(200, &[Kind::Cmdchat, Kind::Blocking], &[(load(10, 64), "blocking 3x smol")])
    }

    /// Prints the rows for rooms of `members` members: cost per delivery, also as a
    /// multiple of the first kind's cost in the same turn.
    fn rooms(&self, members: usize, kinds: &[Kind], loads: &[(Load, &str)]) -> Result<()> {
        if members > self.members {
            return Ok(());
        }
        let mut rooms = Vec::new();
        for &kind in kinds {
            let mut room = match Server::start(kind, Limits::Off) {
                Ok(server) => Room::new(server)?,
                Err(error) if self.others.contains(&kind) => {
                    eprintln!("{kind:?} is left out: {error}");
                    continue;
                }
                Err(error) => return Err(error),
            };
            room.fill(members)?;
            rooms.push((kind, room));
        }
        for &(load, target) in loads {
            let mut costs: BTreeMap<Kind, Vec<f64>> = BTreeMap::new();
            for turn in 0..=self.runs {
                for (kind, room) in &mut rooms {
                    let heard =
                        fan_out::run(room, load).map_err(|error| format!("{kind:?}: {error}"))?;
                    // The first run is a warm-up.
                    if turn > 0 {
                        costs.entry(*kind).or_default().push(heard.cost());
                    }
                }
            }
            let what = format!("{} x {} in flight, {members} members", load.senders, load.window);
            let first = kinds.first().and_then(|kind| costs.get(kind)).cloned().unwrap_or_default();
            let mut figures = BTreeMap::new();
            for (kind, costs) in costs {
                let ratios = costs.iter().zip(&first).map(|(cost, first)| cost / first).collect();
                let figure = format!("{:.3} µs ({:.2}x)", median(costs), median(ratios));
                figures.insert(kind, figure);
            }
            row(&what, target, figures);
        }
        Ok(())
    }

    fn logins(&self) -> Result<()> {
        let kinds = self.with_logins();
        self.each("one login, ms", "1.5 ms", &kinds, |server| Ok(ms(login::one(&server, 200)?)))?;
        self.each("one login, 1,000 messages of history, ms", "", &kinds, |server| {
            let mut room = Room::new(server)?;
            Ok(ms(login::with_history(&mut room, 1_000, 200)?))
        })?;
        if self.members < 1_000 {
            return Ok(());
        }
        self.each("1,000 members joining, s", "2.5 s", &kinds, |server| {
            Ok(login::many(&mut Room::new(server)?, 1_000)?.as_secs_f64())
        })
    }

    /// Measures elapsed time, because an attacker can measure it.
    fn refusals(&self) -> Result<()> {
        for kind in [Kind::Cmdchat, Kind::Blocking] {
            let mut times: [Vec<_>; CASES.len()] = Default::default();
            // Each server gets fewer wrong proofs than would delay the next login.
            for _ in 0..(100 * self.runs).div_ceil(TURNS) {
                let mut room = Room::new(Server::start(kind, Limits::Off)?)?;
                // One member, so that its username is taken.
                room.fill(1)?;
                let measured = login_timing::run(room.server.address, TURNS)?;
                for (times, measured) in times.iter_mut().zip(measured) {
                    times.extend(measured);
                }
            }
            for (case, times) in CASES.iter().zip(times) {
                let mut times: Vec<_> = times.into_iter().map(|time| ms(time) * 1e3).collect();
                times.sort_unstable_by(f64::total_cmp);
                let [low, mid, high] = [1, 5, 9].map(|tenths| times[times.len() * tenths / 10]);
                let what = format!("answer to {}, µs; 8 of 10 within", case.what);
                let figure = format!("{mid:.0}; {low:.0} to {high:.0}");
                row(&what, "", BTreeMap::from([(kind, figure)]));
            }
        }
        Ok(())
    }

    fn idle(&self) -> Result<()> {
        let members = self.members.min(1_000);
        self.each("idle member, kB", "4 kB, sealed 8 kB", &self.with_logins(), |server| {
            Ok(login::idle(&mut Room::new(server)?, members)? as f64 / 1e3)
        })
    }

    /// Returns cmdchat's kinds, and the other servers that have the same login.
    fn with_logins(&self) -> Vec<Kind> {
        let python = self.others.iter().copied().filter(|&kind| kind == Kind::Python);
        [Kind::Cmdchat, Kind::Sealed].into_iter().chain(python).collect()
    }

    fn manners(&self) -> Result<()> {
        let kinds = [Kind::Cmdchat];
        self.each("longest silence when one of 50 stops reading, ms", "50 ms", &kinds, |_| {
            let mut room = Room::new(Server::start(Kind::Cmdchat, Limits::OfSlowReaders)?)?;
            room.fill(50)?;
            Ok(ms(stall::longest(&mut room, self.time * 2)?))
        })?;
        self.each(
            "p99 of a message to 10 while 100 logins a second come, ms",
            "5 ms",
            &kinds,
            |server| {
                let mut room = Room::new(server)?;
                room.fill(10)?;
                Ok(ms(latency::under_logins(&mut room, 100, self.time * 3)?))
            },
        )
    }

    fn start(&self) -> Result<()> {
        let program = server::program()?;
        let mut starts =
            (0..self.runs * 4).map(|_| start::to_connect(&program)).collect::<Result<Vec<_>>>()?;
        let time = median(starts.iter().map(|(time, _)| ms(*time)).collect());
        let memory = median(
            starts.drain(..).map(|(_, memory)| memory as f64 / f64::from(1 << 20)).collect(),
        );
        let figure = format!("{time:.2} ms, {memory:.1} MiB");
        row(
            "from the start of `connect` to its call",
            "5 ms, 8 MiB",
            BTreeMap::from([(Kind::Cmdchat, figure)]),
        );
        Ok(())
    }

    /// Prints one row whose runs each start a new server.
    fn each(
        &self,
        what: &str,
        target: &str,
        kinds: &[Kind],
        measure: impl Fn(Server) -> Result<f64>,
    ) -> Result<()> {
        let mut figures = BTreeMap::new();
        for &kind in kinds {
            let run = |_| {
                measure(Server::start(kind, Limits::Off)?)
                    .map_err(|error| format!("{kind:?}: {error}").into())
            };
            let runs = (0..self.runs).map(run).collect::<Result<Vec<f64>>>()?;
            figures.insert(kind, format!("{:.2}", median(runs)));
        }
        row(what, target, figures);
        Ok(())
    }
}

fn row(what: &str, target: &str, mut figures: BTreeMap<Kind, String>) {
    let ours =
        figures.remove(&Kind::Cmdchat).or_else(|| figures.pop_first().map(|(_, alone)| alone));
    let ours = ours.unwrap_or_default();
    let mut others = String::new();
    for (kind, figure) in figures {
        let comma = if others.is_empty() { "" } else { ", " };
        let _ = write!(others, "{comma}{kind:?} {figure}");
    }
    println!("| {what} | {target} | {ours} | {others} |");
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
