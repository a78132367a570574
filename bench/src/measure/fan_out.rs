//! What it costs to tell everybody.

use std::time::{Duration, Instant};

use crate::{
    Result,
    room::{Deadline, MOMENT, Room},
};

/// What is said in a run.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Load {
    /// Members who speak
    #[arg(long, default_value_t = 10)]
    pub(crate) senders: usize,
    /// Messages of each that it has not heard itself yet
    #[arg(long, default_value_t = 64)]
    pub(crate) window: usize,
    /// Bytes of a text before it is encrypted
    #[arg(long, default_value_t = 64)]
    pub(crate) text: usize,
    /// How long they speak
    #[arg(skip = Duration::from_secs(1))]
    pub(crate) time: Duration,
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) messages: usize,
    /// Messages times members.
    pub(crate) deliveries: u64,
    /// In bytes, as the member gets it.
    pub(crate) message_size: f64,
    /// Of the server.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl Heard {
    /// Microseconds of the server's processor for one message to one member.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.deliveries as f64
    }
}

/// One run. Fails unless everybody got every message once and in order.
///
/// The senders are those who came last: a server that tells members one after
/// the other has told nearly everybody when they say more.
pub(crate) fn run(room: &mut Room, load: Load) -> Result<Heard> {
    let (marks, mut audience) = room.assemble(load.text, load.senders)?;
    let members = room.crowd.len();
    let first = members.checked_sub(load.senders).ok_or("more senders than members")?;
    // Said and heard again, by sender.
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
