//! Cost of logins and of idle members.

use std::{ops::Range, time::Duration};

use crate::{
    Result,
    room::{Deadline, MOMENT, Room},
    server::Server,
};

/// A member number higher than in any room measured here.
const NEVER: usize = 8_000;

/// Returns the server's processor time for one login and leave.
pub(crate) fn one(server: &Server, count: usize) -> Result<Duration> {
    let come_and_go = |numbers: Range<usize>| -> Result<()> {
        for number in numbers {
            server.dialect.enter(server.address, number)?;
        }
        Ok(())
    };
    // The first few are a warm-up. No connected member has such a number.
    come_and_go(NEVER..NEVER + 5)?;
    let before = server.process.cpu()?;
    come_and_go(NEVER + 5..NEVER + 5 + count)?;
    Ok((server.process.cpu()? - before) / u32::try_from(count)?)
}

/// Returns the server's processor time for `members` logins, one after another.
pub(crate) fn many(room: &mut Room, members: usize) -> Result<Duration> {
    let before = room.server.process.cpu()?;
    room.fill(members)?;
    room.assemble(64, 1)?;
    Ok(room.server.process.cpu()? - before)
}

/// Returns the memory per idle member in bytes. Counts only the memory of the
/// process, not the system's socket buffers.
pub(crate) fn idle(room: &mut Room, members: usize) -> Result<u64> {
    const FIRST: usize = 100;
    room.fill(FIRST)?;
    room.assemble(64, 1)?;
    let before = room.server.process.memory("RssAnon")?;
    room.fill(FIRST + members)?;
    room.assemble(64, 1)?;
    Ok(room.server.process.memory("RssAnon")?.saturating_sub(before) / members as u64)
}

/// Returns the same as [`one`], for a room with a history of `messages` messages.
pub(crate) fn with_history(room: &mut Room, messages: usize, count: usize) -> Result<Duration> {
    room.fill(1)?;
    let (marks, mut audience) = room.assemble(64, 1)?;
    for number in 0..messages {
        room.say(0, &marks.message(0, number))?;
    }
    let deadline = Deadline::new();
    while !audience.has_heard(messages) {
        room.crowd.pump(MOMENT, |member, bytes| audience.hear(member, bytes))?;
        deadline.check()?;
    }
    one(&room.server, count)
}
