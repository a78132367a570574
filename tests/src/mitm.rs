//! A man in the middle between one client and the server, which reads every line and
//! passes, alters or drops it as the test decides.

use std::{
    io::IoSlice,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use cmdchat_drivers::{
    runtime::sim::{LinkConfig, Sim, SimAbortHandle, SimReadHalf, SimWriteHalf},
    runtime::{
        AbortHandle as _, Listener as _, ReadHalf as _, ReadOutcome, Runtime as _, WriteHalf as _,
    },
};

/// Direction of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// The fate of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The line is delivered.
    Pass,
    /// These lines are delivered instead.
    Lines(Vec<Vec<u8>>),
    /// The line is delivered after the one that follows it.
    AfterTheNext,
    /// This many bytes of the line are delivered, then the connection ends in both
    /// directions.
    Cut(usize),
}

impl Verdict {
    /// Delivers this line instead.
    pub fn line(line: impl Into<Vec<u8>>) -> Self {
        Self::Lines(vec![line.into()])
    }

    /// Drops the line.
    #[must_use]
    pub const fn nothing() -> Self {
        Self::Lines(Vec::new())
    }
}

/// Decides the fate of each line, given its direction, its index in that direction (0, 1,
/// 2…) and its bytes.
pub type Attack = Box<dyn FnMut(Direction, usize, &[u8]) -> Verdict + Send>;

/// Accepts one client, connects to `server` for it, and forwards lines between the two.
pub(crate) fn intercept(sim: &Sim, server: SocketAddr, attack: Attack) -> SocketAddr {
    let mut listener = sim.listen();
    let address = listener.address();
    let (world, attack) = (sim.clone(), Arc::new(Mutex::new(attack)));
    sim.spawn(async move {
        let Ok(client) = listener.accept().await else { return };
        let server = world.connect(server, &LinkConfig::default()).expect("the server listens");
        let hangups = [client.abort, server.abort];
        let up = Carrier::new(Direction::Up, &attack, &hangups, client.reader, server.writer);
        let down = Carrier::new(Direction::Down, &attack, &hangups, server.reader, client.writer);
        world.spawn(up.run());
        world.spawn(down.run());
    });
    address
}

struct Carrier {
    way: Direction,
    attack: Arc<Mutex<Attack>>,
    hangups: [SimAbortHandle; 2],
    reader: SimReadHalf,
    writer: SimWriteHalf,
    number: usize,
    held: Option<Vec<u8>>,
}

/// The end of forwarding.
struct Over;

impl Carrier {
    fn new(
        way: Direction,
        attack: &Arc<Mutex<Attack>>,
        hangups: &[SimAbortHandle; 2],
        reader: SimReadHalf,
        writer: SimWriteHalf,
    ) -> Self {
        let (attack, hangups) = (Arc::clone(attack), hangups.clone());
        Self { way, attack, hangups, reader, writer, number: 0, held: None }
    }

    async fn run(mut self) {
        let mut line = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = match self.reader.read(&mut buffer, None).await {
                Ok(ReadOutcome::Data(count)) => &buffer[..count],
                Ok(ReadOutcome::Eof | ReadOutcome::TimedOut) => break,
                Err(_) => return self.hang_up(),
            };
            for &byte in read {
                line.push(byte);
                if byte == b'\n' && self.carry(&std::mem::take(&mut line)).await.is_err() {
                    return;
                }
            }
        }
        self.writer.finish();
    }

    async fn carry(&mut self, line: &[u8]) -> Result<(), Over> {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let number = self.number;
        self.number += 1;
        let fate =
            self.attack.lock().unwrap_or_else(PoisonError::into_inner)(self.way, number, bare);
        match fate {
            Verdict::Pass => self.send(line).await?,
            Verdict::Lines(lines) => {
                for line in lines {
                    self.send(&[&*line, b"\n"].concat()).await?;
                }
            }
            Verdict::AfterTheNext => {
                self.held = Some(line.to_vec());
                return Ok(());
            }
            Verdict::Cut(length) => {
                self.send(&line[..length]).await?;
                self.hang_up();
                return Err(Over);
            }
        }
        match self.held.take() {
            Some(held) => self.send(&held).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, mut bytes: &[u8]) -> Result<(), Over> {
        while !bytes.is_empty() {
            match self.writer.write(&[IoSlice::new(bytes)], None).await {
                Ok(written) => bytes = &bytes[written..],
                Err(_) => {
                    self.hang_up();
                    return Err(Over);
                }
            }
        }
        Ok(())
    }

    fn hang_up(&self) {
        self.hangups.iter().for_each(SimAbortHandle::abort);
    }
}
