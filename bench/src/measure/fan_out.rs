//! Cost of message fan-out.

use std::time::{Duration, Instant};

use crate::{
    Result,
    room::{Deadline, MOMENT, Room},
};

/// Messages sent in a run.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Load {
    /// Number of sending members
    #[arg(long, default_value_t = 10)]
    pub(crate) senders: usize,
    /// Messages in flight per sender
    #[arg(long, default_value_t = 64)]
    pub(crate) window: usize,
    /// Bytes per message before encryption
    #[arg(long, default_value_t = 64)]
    pub(crate) text: usize,
    /// Duration of sending
    #[arg(skip = Duration::from_secs(1))]
    pub(crate) time: Duration,
}

/// Result of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) messages: usize,
    /// Messages times members.
    pub(crate) deliveries: u64,
    /// Mean size of a message in bytes, as a member receives it.
    pub(crate) message_size: f64,
    /// Processor time of the server.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl Heard {
    /// Returns the server's processor time per message and member, in microseconds.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.deliveries as f64
    }
}

/// Performs one run. Fails unless every member receives every message once and in
/// order.
///
/// The senders are the members that joined last. A server that writes to members in
/// turn has then reached nearly all of them before the senders send more.
pub(crate) fn run(room: &mut Room, load: Load) -> Result<Heard> {
    let (marks, mut audience) = room.assemble(load.text, load.senders)?;
    let members = room.crowd.len();
    let first = members.checked_sub(load.senders).ok_or("more senders than members")?;
    // Messages sent and echoed, by sender.
    let mut pace = vec![(0_usize, 0_usize); load.senders];
    let mut said = 0;
    let (start, before, deadline) = (Instant::now(), room.server.process.cpu()?, Deadline::new());
    loop {
        let speaking = start.elapsed() < load.time;
        if !speaking && audience.has_heard(said) {
            break;
        }
        for (sender, (spoken, echoed)) in pace.iter_mut().enumerate() {
            *echoed += audience.echoes(sender, first + sender, *echoed);
            while speaking && *spoken - *echoed < load.window {
                room.say(first + sender, &marks.message(sender, *spoken))?;
                *spoken += 1;
                said += 1;
            }
        }
        room.crowd.pump(MOMENT, |member, bytes| audience.hear(member, bytes))?;
        deadline.check()?;
    }
    Ok(Heard {
        messages: said,
        deliveries: (said * members) as u64,
        message_size: audience.message_size(),
        cpu: room.server.process.cpu()? - before,
        wall: start.elapsed(),
    })
}
