//! Effect of a stalled reader on the other members.

use std::time::{Duration, Instant};

use crate::{
    Result,
    room::{Deadline, MOMENT, Room},
};

/// Stops reading for one member while another sends for `time`. Returns the longest
/// interval in which any other member received nothing. Fails unless the others
/// receive every message.
pub(crate) fn longest(room: &mut Room, time: Duration) -> Result<Duration> {
    const WINDOW: usize = 16;
    let (marks, mut audience) = room.assemble(64, 1)?;
    let speaker = room.crowd.len() - 1;
    room.crowd.deafen(0)?;
    audience.deafen(0);
    let (start, deadline) = (Instant::now(), Deadline::new());
    let mut heard_at = vec![start; room.crowd.len()];
    let mut longest = Duration::ZERO;
    let (mut said, mut echoed) = (0, 0);
    loop {
        let speaking = start.elapsed() < time;
        if !speaking && audience.has_heard(said) {
            return Ok(longest);
        }
        echoed += audience.echoes(0, speaker, echoed);
        while speaking && said - echoed < WINDOW {
            room.say(speaker, &marks.message(0, said))?;
            said += 1;
        }
        room.crowd.pump(MOMENT, |member, bytes| {
            if let Some(at) = heard_at.get_mut(member) {
                let now = Instant::now();
                longest = longest.max(now - std::mem::replace(at, now));
            }
            audience.hear(member, bytes)
        })?;
        deadline.check()?;
    }
}
