//! Message latency during failed logins.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result, protocols,
    room::{Deadline, MOMENT, Room},
};

/// Returns the 99th percentile of the delivery time of a message. One member sends
/// every 5 ms for `time`, while `per_second` logins arrive each second.
///
/// The logins are made without the passphrase, because these cost the server as
/// much as others and the load generator less.
pub(crate) fn under_logins(room: &mut Room, per_second: u32, time: Duration) -> Result<Duration> {
    const PAUSE: Duration = Duration::from_millis(5);
    let (marks, mut audience) = room.assemble(64, 1)?;
    let (members, deadline) = (room.crowd.len(), Deadline::new());
    let (address, stop) = (room.server.address, AtomicBool::new(false));
    let mut delays = Vec::new();
    let start = Instant::now();
    let logins = thread::scope(|scope| {
        let strangers = scope.spawn(|| knock(address, per_second, &stop));
        let mut converse = || -> Result<()> {
            for number in 0.. {
                // Counted from the due time, so a delay by the previous message is included.
                let due = start + PAUSE * number;
                if due > start + time {
                    break;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let number = number as usize;
                room.say(members - 1, &marks.message(0, number))?;
                while !audience.has_heard(number + 1) {
                    room.crowd.pump(MOMENT, |member, bytes| {
                        delays.push(due.elapsed());
                        audience.hear(member, bytes)
                    })?;
                    deadline.check()?;
                }
            }
            Ok(())
        };
        let conversed = converse();
        stop.store(true, Ordering::Relaxed);
        let logins = strangers.join().map_err(|_| "a thread failed")?;
        conversed.and(Ok(logins.map_err(|error| format!("logins: {error}"))?))
    })?;
    if (logins as f64) < 0.9 * f64::from(per_second) * time.as_secs_f64() {
        return Err(format!("only {logins} logins were answered").into());
    }
    delays.sort_unstable();
    delays.get(delays.len() * 99 / 100).copied().ok_or_else(|| "nobody heard anything".into())
}

/// Makes `per_second` failed logins each second until `stop` is set; returns their number.
fn knock(address: SocketAddr, per_second: u32, stop: &AtomicBool) -> Result<usize, String> {
    let start = Instant::now();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return Ok(number as usize);
        }
        let due = start + Duration::from_secs(1) * number / per_second;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        protocols::knock(address).map_err(|error| error.to_string())?;
    }
    Ok(0)
}
