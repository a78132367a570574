//! What it costs to come in.

use std::{ops::Range, time::Duration};

use crate::{
    Result,
    room::{Deadline, MOMENT, Room},
    server::Server,
};

/// More members than any room here has.
const NEVER: usize = 8_000;

/// Processor time of the server for one login and leave, in an empty room.
pub(crate) fn one(server: &Server, count: usize) -> Result<Duration> {
    let come_and_go = |numbers: Range<usize>| -> Result<()> {
        for number in numbers {
            server.dialect.enter(server.address, number)?;
        }
        Ok(())
    };
    // The first few find everything cold. Nobody who stays has such a number.
    come_and_go(NEVER..NEVER + 5)?;
    let before = server.process.cpu()?;
    come_and_go(NEVER + 5..NEVER + 5 + count)?;
    Ok((server.process.cpu()? - before) / u32::try_from(count)?)
}

/// Processor time of the server for letting so many in, one after another.
pub(crate) fn many(room: &mut Room, members: usize) -> Result<Duration> {
    let before = room.server.process.cpu()?;
    room.fill(members)?;
    room.assemble(64, 1)?;
    Ok(room.server.process.cpu()? - before)
}

/// Bytes of memory that one more member costs, when nobody speaks. Only what
/// is the process's own: a socket's buffers are the system's.
pub(crate) fn idle(room: &mut Room, members: usize) -> Result<u64> {
    const FIRST: usize = 100;
    room.fill(FIRST)?;
    room.assemble(64, 1)?;
    let before = room.server.process.memory("RssAnon")?;
    room.fill(FIRST + members)?;
    room.assemble(64, 1)?;
    Ok(room.server.process.memory("RssAnon")?.saturating_sub(before) / members as u64)
}

/// As [`one`], in a room that has a full history to tell.
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
