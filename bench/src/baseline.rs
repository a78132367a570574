//! Baseline server (`floor`): the minimum work of a relay. One loop over plain
//! sockets copies every line to every member, in an envelope as long as the real
//! one, with one write per socket and batch. No names, no checks, no limits.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    Result,
    poller::{Poller, Report, unless_busy},
};

const LISTENER: u64 = u64::MAX;
const STDIN: u64 = u64::MAX - 1;
/// Maximum number of bytes per read.
const READ_SIZE: usize = 64 << 10;

/// Runs the server until standard input ends.
pub(crate) fn run(envelope: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let mut poller = Poller::new()?;
    poller.add(&listener, LISTENER, Report::Readable)?;
    poller.add(io::stdin(), STDIN, Report::Readable)?;
    let mut floor = Baseline::new(envelope);
    loop {
        let ready: Vec<_> = poller.wait(None)?.collect();
        for ready in ready {
            match ready.key {
                STDIN => return Ok(()),
                LISTENER => floor.accept(&listener, &poller)?,
                key => floor.hear(key, ready.readable, ready.writable),
            }
        }
        floor.tell();
    }
}

struct Baseline {
    envelope: Vec<u8>,
    members: BTreeMap<u64, Member>,
    came: u64,
    /// Bytes still unsent to at least one member; the first is byte `start` of the stream.
    log: Vec<u8>,
    start: u64,
    buffer: Vec<u8>,
}

struct Member {
    socket: TcpStream,
    /// Start of an incomplete line.
    rest: Vec<u8>,
    cursor: u64,
    writable: bool,
}

impl Member {
    /// Adds the lines that end in `bytes` to the log, each in its envelope.
    fn wrap(&mut self, bytes: &[u8], envelope: &[u8], log: &mut Vec<u8>) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if piece.ends_with(b"\n") {
                log.extend_from_slice(envelope);
                log.append(&mut self.rest);
                log.extend_from_slice(piece);
            } else {
                self.rest.extend_from_slice(piece);
            }
        }
    }
}

impl Baseline {
    fn new(envelope: usize) -> Self {
        Self {
            envelope: vec![b'.'; envelope],
            members: BTreeMap::new(),
            came: 0,
            log: Vec::new(),
            start: 0,
            buffer: vec![0; READ_SIZE],
        }
    }

    fn end(&self) -> u64 {
        self.start + self.log.len() as u64
    }

    fn accept(&mut self, listener: &TcpListener, poller: &Poller) -> Result<()> {
        let (socket, _) = listener.accept()?;
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        poller.add(&socket, self.came, Report::Changes)?;
        let member = Member { socket, rest: Vec::new(), cursor: self.end(), writable: true };
        self.members.insert(self.came, member);
        self.came += 1;
        Ok(())
    }

    fn hear(&mut self, key: u64, readable: bool, writable: bool) {
        let Some(member) = self.members.get_mut(&key) else { return };
        member.writable |= writable;
        if !readable {
            return;
        }
        loop {
            match unless_busy(member.socket.read(&mut self.buffer)) {
                Ok(None) => return,
                Ok(Some(count)) if count > 0 => {
                    let bytes = self.buffer.get(..count).unwrap_or_default();
                    member.wrap(bytes, &self.envelope, &mut self.log);
                }
                Ok(Some(_)) | Err(_) => {
                    self.members.remove(&key);
                    return;
                }
            }
        }
    }

    fn tell(&mut self) {
        let (start, end) = (self.start, self.end());
        let mut needed = end;
        for member in self.members.values_mut().filter(|member| member.cursor < end) {
            let waiting = self.log.get((member.cursor - start) as usize..).unwrap_or_default();
            if member.writable {
                match unless_busy(member.socket.write(waiting)) {
                    Ok(Some(count)) => {
                        member.cursor += count as u64;
                        member.writable = count == waiting.len();
                    }
                    // A closed connection is detected by reading.
                    Ok(None) | Err(_) => member.writable = false,
                }
            }
            needed = needed.min(member.cursor);
        }
        self.log.drain(..(needed - start) as usize);
        self.start = needed;
    }
}
