//! The plain runtime: a thread for each task, blocking sockets, no event loop.
//! A task waits inside its own system call, or parked until it is woken.

use std::{
    cell::Cell,
    future::{self, Future},
    io::{self, IoSlice, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    pin::pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use cmdchat_core::time::Tick;

use crate::{
    runtime::tcp,
    runtime::{
        AbortHandle, Connection, Dial, Listener, ReadHalf, ReadOutcome, Runtime, TcpRuntime,
        WriteHalf,
    },
};

/// How long a listener naps between two looks for a caller. Nothing portable
/// ends a blocking accept from outside, short of calling the listener oneself;
/// fifty looks a second cost nothing that could be measured, and a caller in a
/// burst does not wait, because the listener naps only when nobody is left.
const ACCEPT_POLL: Duration = Duration::from_millis(20);

/// The bounds of one wait inside the system: zero is not allowed there, and very
/// long waits overflow on some systems.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(3600);

thread_local! {
    /// The earliest moment that the future polled on this thread waits for.
    static NEXT_TIMER: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The runtime over blocking threads. Clones share the clock.
#[derive(Clone, Copy, Debug)]
pub struct Blocking {
    start: Instant,
}

impl Blocking {
    /// A runtime whose clock is at zero.
    #[must_use]
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a runtime is where time comes from")]
        let start = Instant::now();
        Self { start }
    }

    /// How long the system shall wait for a socket at most; for ever without a deadline.
    fn timeout(self, deadline: Option<Tick>) -> Option<Duration> {
        Some(deadline?.saturating_duration_since(self.now()).clamp(SHORTEST, LONGEST))
    }

    fn late(self, deadline: Option<Tick>) -> bool {
        deadline.is_some_and(|at| self.now() >= at)
    }

    fn connection(self, stream: TcpStream, peer: SocketAddr) -> io::Result<Connection<Self>> {
        // Some systems hand this on from the listener.
        stream.set_nonblocking(false)?;
        tcp::configure(&stream)?;
        let stream = Arc::new(stream);
        let half = Socket { runtime: self, stream: Arc::clone(&stream), patience: None };
        Ok(Connection {
            abort: BlockingAbortHandle(Arc::downgrade(&stream)),
            reader: BlockingReadHalf(half.clone()),
            writer: BlockingWriteHalf(half),
            peer,
        })
    }
}

impl Default for Blocking {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for Blocking {
    type ReadHalf = BlockingReadHalf;
    type WriteHalf = BlockingWriteHalf;
    type AbortHandle = BlockingAbortHandle;

    fn now(&self) -> Tick {
        Tick::from_start(self.start.elapsed())
    }

    /// Only wakes a thread of this runtime.
    async fn sleep_until(&self, at: Tick) {
        future::poll_fn(|_| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            // A moment that the system's clock cannot tell never comes.
            if let Some(at) = self.start.checked_add(at.since_start()) {
                NEXT_TIMER.set(Some(NEXT_TIMER.get().map_or(at, |other| other.min(at))));
            }
            Poll::Pending
        })
        .await;
    }

    /// If the system has no thread left the task is dropped, and with it the
    /// connection that it was for.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let thread = thread::Builder::new().name("cmdchat task".into());
        let _ = thread.spawn(|| drive(task));
    }

    async fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        job()
    }
}

/// Polls `future` on this thread; between polls the thread sleeps until it is
/// woken, or until the alarm that the poll has set.
fn drive<T>(future: impl Future<Output = T>) -> T {
    let (parker, unparker) = parking::pair();
    let waker = Waker::from(unparker);
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    // A task may itself run a future to its end.
    let outer = NEXT_TIMER.take();
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            NEXT_TIMER.set(outer);
            return result;
        }
        match NEXT_TIMER.take() {
            Some(at) => {
                parker.park_deadline(at);
            }
            None => parker.park(),
        }
    }
}

impl Dial for Blocking {
    async fn dial(&self, addrs: &[SocketAddr], deadline: Tick) -> io::Result<Connection<Self>> {
        let runtime = *self;
        let attempt = move |addr| async move {
            let patience = runtime.timeout(Some(deadline)).unwrap_or(LONGEST);
            TcpStream::connect_timeout(&addr, patience)
        };
        let (stream, peer) = tcp::happy_eyeballs(self, addrs, deadline, attempt).await?;
        self.connection(stream, peer)
    }
}

impl TcpRuntime for Blocking {
    type Listener = BlockingListener;

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        drive(future)
    }

    fn listen(&self, socket: TcpListener) -> io::Result<BlockingListener> {
        socket.set_nonblocking(true)?;
        Ok(BlockingListener { runtime: *self, socket })
    }

    fn connection_from_std(&self, socket: TcpStream) -> io::Result<Connection<Self>> {
        let peer = socket.peer_addr()?;
        self.connection(socket, peer)
    }
}

/// Accepts connections for [`Blocking`].
#[derive(Debug)]
pub struct BlockingListener {
    runtime: Blocking,
    socket: TcpListener,
}

impl Listener<Blocking> for BlockingListener {
    async fn accept(&mut self) -> io::Result<Connection<Blocking>> {
        loop {
            match self.socket.accept() {
                Ok((stream, peer)) => return self.runtime.connection(stream, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.runtime.sleep_until(self.runtime.now().saturating_add(ACCEPT_POLL)).await;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What reader and writer have in common: a blocking socket, a clock, and how
/// long the system was last told to wait in this direction.
#[derive(Clone, Debug)]
struct Socket {
    runtime: Blocking,
    stream: Arc<TcpStream>,
    patience: Option<Duration>,
}

impl Socket {
    /// Repeats `operation` until it is done; nothing if the deadline came first.
    /// One try is made in any case.
    fn attempt<T>(
        &mut self,
        deadline: Option<Tick>,
        set_patience: impl Fn(&TcpStream, Option<Duration>) -> io::Result<()>,
        mut operation: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        loop {
            let patience = self.runtime.timeout(deadline);
            // Some systems refuse when both directions have ended; then nobody waits.
            if patience != self.patience && set_patience(&self.stream, patience).is_ok() {
                self.patience = patience;
            }
            match operation(&self.stream) {
                Err(error) if is_timeout(&error) => {
                    if self.runtime.late(deadline) {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done.map(Some),
            }
        }
    }
}

/// Elsewhere than on Windows "timed out" means that the peer has vanished.
fn is_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || cfg!(windows) && error.kind() == io::ErrorKind::TimedOut
}

/// The receiving half of a connection on [`Blocking`].
#[derive(Debug)]
pub struct BlockingReadHalf(Socket);

impl ReadHalf for BlockingReadHalf {
    async fn read(&mut self, buffer: &mut [u8], deadline: Option<Tick>) -> io::Result<ReadOutcome> {
        let operation = |mut stream: &TcpStream| stream.read(buffer);
        let count = self.0.attempt(deadline, TcpStream::set_read_timeout, operation)?;
        Ok(match count {
            Some(0) => ReadOutcome::Eof,
            Some(count) => ReadOutcome::Data(count),
            None => ReadOutcome::TimedOut,
        })
    }
}

/// The sending half of a connection on [`Blocking`].
#[derive(Debug)]
pub struct BlockingWriteHalf(Socket);

impl WriteHalf for BlockingWriteHalf {
    /// The socket itself stays blocking, for the reader's sake.
    #[cfg(unix)]
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        tcp::retry_interrupted(|| {
            let mut nothing = SendAncillaryBuffer::default();
            Ok(sendmsg(&self.0.stream, slices, &mut nothing, flags)?)
        })
    }

    #[cfg(not(unix))]
    fn try_write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    async fn write(&mut self, slices: &[IoSlice<'_>], deadline: Option<Tick>) -> io::Result<usize> {
        let operation = |mut stream: &TcpStream| stream.write_vectored(slices);
        let count = self.0.attempt(deadline, TcpStream::set_write_timeout, operation)?;
        count.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    fn finish(&mut self) {
        // It fails if the connection has ended, which the reader will tell.
        let _ = self.0.stream.shutdown(Shutdown::Write);
    }
}

/// Ends a connection on [`Blocking`].
#[derive(Clone, Debug)]
pub struct BlockingAbortHandle(Weak<TcpStream>);

impl AbortHandle for BlockingAbortHandle {
    fn abort(&self) {
        if let Some(stream) = self.0.upgrade() {
            // It fails if the connection has ended, and then nobody waits.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
