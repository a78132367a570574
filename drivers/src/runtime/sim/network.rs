//! Scripted connections of the simulator: link configuration, listener, and the
//! halves of a connection.

use std::{
    collections::BTreeMap,
    future,
    io::{self, IoSlice},
    net::SocketAddr,
    sync::{Arc, Mutex, Weak},
    task::{Poll, Waker},
    time::Duration,
};

use cmdchat_core::time::Tick;

use super::{
    Sim, Timer,
    duplex::{Duplex, Side, earlier},
    lock,
};
use crate::runtime::{
    AbortHandle, Connection, Listener, ReadHalf, ReadOutcome, Runtime as _, WriteHalf,
};

/// Behaviour of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkConfig {
    /// Direction from the caller to the listener.
    pub up: DirectionConfig,
    /// Direction from the listener to the caller.
    pub down: DirectionConfig,
    /// Peer address that the listener sees; if `None`, 127.0.0.1 with a port of
    /// the connection's own.
    pub peer: Option<SocketAddr>,
}

impl LinkConfig {
    /// Returns a link with the same behaviour in both directions.
    #[must_use]
    pub const fn both(lane: DirectionConfig) -> Self {
        Self { up: lane, down: lane, peer: None }
    }
}

/// Behaviour of one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub struct DirectionConfig {
    /// Delay from write to read, and of connects, ends of stream and resets.
    pub latency: Duration,
    /// Limit on the bytes returned by one read.
    pub chunk: ChunkSize,
    /// Limit on the bytes accepted by one write.
    pub write_chunk: ChunkSize,
    /// Limit on bytes in flight or unread; at the limit, writes wait.
    pub capacity: usize,
    /// Number of bytes after which the connection breaks in both directions.
    pub cut_after: Option<u64>,
}

impl Default for DirectionConfig {
    /// Returns a direction with no latency, no chunking, a capacity of 64 KiB and no cut.
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            chunk: ChunkSize::Whole,
            write_chunk: ChunkSize::Whole,
            capacity: 64 * 1024,
            cut_after: None,
        }
    }
}

/// Size limit of one read or write. It never adds a delay: remaining bytes are
/// available to the next call at the same instant.
#[derive(Clone, Copy, Debug, Default)]
pub enum ChunkSize {
    /// No limit.
    #[default]
    Whole,
    /// At most this many bytes, and at least one.
    Bytes(usize),
    /// At most 1 to 4,096 bytes, drawn for each call from this seed; small
    /// chunks are as likely as large ones.
    Random(u64),
}

impl ChunkSize {
    pub(super) fn next(&mut self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Bytes(count) => (*count).max(1),
            Self::Random(state) => {
                let size = split_mix(state) % 13;
                let count = 1 + split_mix(state) % (1 << size);
                usize::try_from(count).unwrap_or(1)
            }
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014), which accepts any seed.
const fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Accepts connections in a [`Sim`]. Once it is dropped, its address refuses connections.
#[derive(Debug)]
pub struct SimListener {
    sim: Sim,
    address: SocketAddr,
}

/// Connections in flight to a listener, ordered by arrival.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    arriving: BTreeMap<(Tick, u64), Connection<Sim>>,
    waker: Option<Waker>,
}

impl SimListener {
    pub(super) fn open(sim: &Sim) -> Self {
        let mut state = sim.0.state();
        let free = (1..=u16::MAX).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let free = free.into_iter().find(|address| !state.listeners.contains_key(address));
        let address = free.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        state.listeners.insert(address, Backlog::default());
        drop(state);
        Self { sim: sim.clone(), address }
    }

    /// Returns the address of this listener.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener<Sim> for SimListener {
    async fn accept(&mut self) -> io::Result<Connection<Sim>> {
        let mut timer = Timer::new(&self.sim);
        future::poll_fn(|context| {
            let mut state = self.sim.0.state();
            let now = state.now;
            let Some(backlog) = state.listeners.get_mut(&self.address) else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            let next = backlog.arriving.first_entry();
            let arrival = next.as_ref().map(|next| next.key().0);
            if let Some(next) = next
                && next.key().0 <= now
            {
                return Poll::Ready(Ok(next.remove()));
            }
            backlog.waker = Some(context.waker().clone());
            drop(state);
            timer.set(arrival, context.waker());
            Poll::Pending
        })
        .await
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let backlog = self.sim.0.state().listeners.remove(&self.address);
        // Dropped with the world unlocked, because dropping connections notifies their peers.
        drop(backlog);
    }
}

pub(super) fn connect(
    sim: &Sim,
    address: SocketAddr,
    link: &LinkConfig,
) -> io::Result<Connection<Sim>> {
    let mut state = sim.0.state();
    let now = state.now;
    let key = (now.saturating_add(link.up.latency), state.number());
    let port = 1024 + state.dialed % (u16::MAX - 1023);
    let Some(backlog) = state.listeners.get_mut(&address) else {
        return Err(io::ErrorKind::ConnectionRefused.into());
    };
    let waker = backlog.waker.take();
    let source = link.peer.unwrap_or(SocketAddr::from(([127, 0, 0, 1], port)));
    let wire = Arc::new(Mutex::new(Duplex::new(link, now)));
    let [caller, listener] = [Side::CALLER, Side::LISTENER].map(|end| Socket {
        sim: sim.clone(),
        wire: Arc::clone(&wire),
        end,
    });
    backlog.arriving.insert(key, listener.connection(source));
    state.dialed = state.dialed.wrapping_add(1);
    drop(state);
    waker.into_iter().for_each(Waker::wake);
    Ok(caller.connection(address))
}

/// One side of a connection. Closes once its reader and its writer are dropped.
#[derive(Debug)]
struct Socket {
    sim: Sim,
    wire: Arc<Mutex<Duplex>>,
    end: Side,
}

impl Socket {
    fn connection(self, peer: SocketAddr) -> Connection<Sim> {
        let socket = Arc::new(self);
        Connection {
            abort: SimAbortHandle(Arc::downgrade(&socket)),
            reader: SimReadHalf(Arc::clone(&socket)),
            writer: SimWriteHalf(socket),
            peer,
        }
    }

    /// Repeats `operation` whenever its result may have changed, until the
    /// deadline. `operation` fails with the next known instant of a change.
    async fn attempt<T>(
        &self,
        deadline: Option<Tick>,
        mut operation: impl FnMut(&mut Duplex, Tick, &Waker) -> Result<io::Result<T>, Option<Tick>>,
    ) -> Option<io::Result<T>> {
        let mut timer = Timer::new(&self.sim);
        future::poll_fn(|context| {
            let now = self.sim.now();
            let next = match operation(&mut lock(&self.wire), now, context.waker()) {
                Ok(done) => return Poll::Ready(Some(done)),
                Err(next) => next,
            };
            if deadline.is_some_and(|at| at <= now) {
                return Poll::Ready(None);
            }
            timer.set(earlier(next, deadline), context.waker());
            Poll::Pending
        })
        .await
    }

    fn close(&self) {
        lock(&self.wire).close(self.end, self.sim.now());
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.close();
    }
}

/// The receiving half of a connection in a [`Sim`].
#[derive(Debug)]
pub struct SimReadHalf(Arc<Socket>);

impl ReadHalf for SimReadHalf {
    async fn read(&mut self, buffer: &mut [u8], deadline: Option<Tick>) -> io::Result<ReadOutcome> {
        let end = self.0.end;
        let operation = |wire: &mut Duplex, now, waker: &Waker| wire.read(end, now, buffer, waker);
        self.0.attempt(deadline, operation).await.unwrap_or(Ok(ReadOutcome::TimedOut))
    }
}

/// The sending half of a connection in a [`Sim`].
#[derive(Debug)]
pub struct SimWriteHalf(Arc<Socket>);

impl WriteHalf for SimWriteHalf {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wire = lock(&self.0.wire);
        let written = wire.write(self.0.end, self.0.sim.now(), slices, Waker::noop());
        written.unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into()))
    }

    async fn write(&mut self, slices: &[IoSlice<'_>], deadline: Option<Tick>) -> io::Result<usize> {
        let end = self.0.end;
        let operation = |wire: &mut Duplex, now, waker: &Waker| wire.write(end, now, slices, waker);
        let timed_out = Err(io::ErrorKind::TimedOut.into());
        self.0.attempt(deadline, operation).await.unwrap_or(timed_out)
    }

    fn finish(&mut self) {
        lock(&self.0.wire).finish(self.0.end, self.0.sim.now());
    }
}

/// Ends a connection in a [`Sim`].
#[derive(Clone, Debug)]
pub struct SimAbortHandle(Weak<Socket>);

impl AbortHandle for SimAbortHandle {
    fn abort(&self) {
        if let Some(socket) = self.0.upgrade() {
            socket.close();
        }
    }
}
