//! Load clients: many members in one thread of one process.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::{
    Result,
    poller::{Poller, Report, unless_busy},
    protocols::Entered,
    sealed_client::Insider,
};

/// Maximum number of bytes per read.
const READ_SIZE: usize = 256 << 10;
/// Bit in the key of a connection that a member only sends on.
const MOUTH: u64 = 1 << 32;

/// Members of one room, on non-blocking sockets.
pub(crate) struct Crowd {
    poller: Poller,
    members: Vec<Member>,
    buffer: Vec<u8>,
}

struct Member {
    ear: TcpStream,
    mouth: Option<TcpStream>,
    insider: Option<Insider>,
    unsaid: Vec<u8>,
}

impl Crowd {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { poller: Poller::new()?, members: Vec::new(), buffer: vec![0; READ_SIZE] })
    }

    pub(crate) const fn len(&self) -> usize {
        self.members.len()
    }

    /// Adds a member under the next number.
    pub(crate) fn admit(&mut self, Entered { ear, mouth, insider }: Entered) -> Result<()> {
        let key = self.members.len() as u64;
        ear.set_nonblocking(true)?;
        self.poller.add(&ear, key, Report::Readable)?;
        if let Some(mouth) = &mouth {
            mouth.set_nonblocking(true)?;
            self.poller.add(mouth, key | MOUTH, Report::Readable)?;
        }
        self.members.push(Member { ear, mouth, insider, unsaid: Vec::new() });
        Ok(())
    }

    /// Queues a line for `member` to send when its socket is writable.
    pub(crate) fn say(&mut self, member: usize, line: &str) -> Result<()> {
        let Member { insider, unsaid, .. } =
            self.members.get_mut(member).ok_or("no such member")?;
        match insider {
            Some(insider) => insider.say(line, unsaid),
            None => {
                unsaid.extend_from_slice(line.as_bytes());
                Ok(())
            }
        }
    }

    /// Stops reading from the socket of `member`.
    pub(crate) fn deafen(&self, member: usize) -> Result<()> {
        let member = self.members.get(member).ok_or("no such member")?;
        Ok(self.poller.remove(&member.ear)?)
    }

    /// Writes queued lines, waits up to `wait` for input, and passes the input to `hear`.
    pub(crate) fn pump(
        &mut self,
        wait: Duration,
        mut hear: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut blocked = false;
        for member in self.members.iter_mut().filter(|member| !member.unsaid.is_empty()) {
            let mut mouth = member.mouth.as_ref().unwrap_or(&member.ear);
            let said = unless_busy(mouth.write(&member.unsaid))?.unwrap_or(0);
            member.unsaid.drain(..said);
            blocked |= !member.unsaid.is_empty();
        }
        let wait = if blocked { wait.min(Duration::from_millis(1)) } else { wait };
        for ready in self.poller.wait(Some(wait))? {
            let number = usize::try_from(ready.key & !MOUTH)?;
            let Some(member) = self.members.get_mut(number) else { continue };
            let to_mouth = ready.key & MOUTH != 0;
            let mut socket = member.mouth.as_ref().filter(|_| to_mouth).unwrap_or(&member.ear);
            match unless_busy(socket.read(&mut self.buffer))? {
                None => {}
                Some(0) => return Err(format!("member {number} was cut off").into()),
                Some(_) if to_mouth => {}
                Some(count) => {
                    let bytes = self.buffer.get(..count).unwrap_or_default();
                    match &mut member.insider {
                        Some(insider) => hear(number, &insider.hear(bytes, &mut member.unsaid)?)?,
                        None => hear(number, bytes)?,
                    }
                }
            }
        }
        Ok(())
    }
}
