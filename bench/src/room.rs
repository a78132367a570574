//! A server with connected members.

use std::time::{Duration, Instant};

use crate::{
    Result, clients::Crowd, delivery_check::Audience, expected_stream::Marks, server::Server,
};

/// Timeout of a run, longer than any successful one.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait for input before the state is checked again.
pub(crate) const MOMENT: Duration = Duration::from_millis(10);

/// A server, and the members connected by this process.
pub(crate) struct Room {
    pub(crate) server: Server,
    pub(crate) crowd: Crowd,
    runs: u32,
}

impl Room {
    pub(crate) fn new(server: Server) -> Result<Self> {
        Ok(Self { server, crowd: Crowd::new()?, runs: 0 })
    }

    /// Adds members, one after another, until there are `members`.
    pub(crate) fn fill(&mut self, members: usize) -> Result<()> {
        for number in self.crowd.len()..members {
            let entered = self.server.dialect.enter(self.server.address, number)?;
            self.crowd.admit(entered)?;
            self.crowd.pump(Duration::ZERO, |_, _| Ok(()))?;
        }
        Ok(())
    }

    /// Prepares a run with messages of `text` bytes from `senders` members: waits
    /// until all members have received everything sent before it.
    pub(crate) fn assemble(&mut self, text: usize, senders: usize) -> Result<(Marks, Audience)> {
        self.runs += 1;
        let marks = Marks::new(self.runs, self.server.dialect.length(text));
        let mut audience =
            Audience::new(&marks, self.crowd.len(), senders, self.server.dialect.has_one_order());
        let last = self.crowd.len().checked_sub(1).ok_or("nobody is there")?;
        self.say(last, &marks.overture())?;
        let deadline = Deadline::new();
        while !audience.is_assembled() {
            self.crowd.pump(MOMENT, |member, bytes| audience.hear(member, bytes))?;
            deadline.check()?;
        }
        Ok((marks, audience))
    }

    pub(crate) fn say(&mut self, member: usize, text: &str) -> Result<()> {
        let line = self.server.dialect.say(text);
        self.crowd.say(member, &line)
    }
}

/// Instant after which a run has failed.
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    pub(crate) fn check(&self) -> Result<()> {
        if Instant::now() < self.0 {
            Ok(())
        } else {
            Err("somebody did not hear everything".into())
        }
    }
}
