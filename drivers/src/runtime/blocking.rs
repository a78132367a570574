//! The blocking runtime: one thread per task, blocking sockets, no event loop.
//! A task waits inside its own system call, or is parked until it is woken.

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

use cmdchat_core::time::{Epoch, Tick};

use crate::{
    runtime::tcp,
    runtime::{
        AbortHandle, Connection, Dial, Listener, ReadHalf, ReadOutcome, Runtime, TcpRuntime,
        WriteHalf,
    },
};

/// Interval at which a listener polls for connections.
///
/// Polling is needed because no portable call ends a blocking accept from another
/// thread, short of connecting to the listener. Fifty polls a second have no
/// measurable cost. Connections in a burst do not wait, because the listener
/// sleeps only once none is pending.
const ACCEPT_POLL: Duration = Duration::from_millis(20);

/// Bounds of one socket timeout: the system does not allow zero, and very long
/// timeouts overflow on some systems.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

thread_local! {
    /// Earliest timer of the future polled on this thread.
    static NEXT_TIMER: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The runtime on blocking threads. Clones share the clock.
#[derive(Clone, Copy, Debug)]
pub struct Blocking {
    start: Instant,
}

impl Blocking {
    /// Returns a runtime whose clock starts at zero.
    #[must_use]
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a runtime is where time comes from")]
        let start = Instant::now();
        Self { start }
    }

    /// Returns the socket timeout for `deadline`: `None` (no limit) without a deadline.
    fn timeout(self, deadline: Option<Tick>) -> Option<Duration> {
        Some(deadline?.saturating_duration_since(self.now()).clamp(MIN_TIMEOUT, MAX_TIMEOUT))
    }

    fn is_past(self, deadline: Option<Tick>) -> bool {
        deadline.is_some_and(|at| self.now() >= at)
    }

    fn connection(self, stream: TcpStream, peer: SocketAddr) -> io::Result<Connection<Self>> {
        // On some systems an accepted socket inherits this from the listener.
        stream.set_nonblocking(false)?;
        tcp::configure(&stream)?;
        let stream = Arc::new(stream);
        let half = Socket { runtime: self, stream: Arc::clone(&stream), timeout: None };
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

    fn epoch(&self) -> Option<Epoch> {
        tcp::measure_epoch(self.now())
    }

    /// Wakes only a thread of this runtime.
    async fn sleep_until(&self, at: Tick) {
        future::poll_fn(|_| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            // An instant beyond the range of the system's clock never comes.
            if let Some(at) = self.start.checked_add(at.since_start()) {
                NEXT_TIMER.set(Some(NEXT_TIMER.get().map_or(at, |other| other.min(at))));
            }
            Poll::Pending
        })
        .await;
    }

    /// Drops the task, and with it the task's connection, if the system cannot
    /// start another thread.
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

/// Polls `future` on this thread. Between polls the thread sleeps until it is
/// woken, or until the timer that the poll has set.
fn drive<T>(future: impl Future<Output = T>) -> T {
    let (parker, unparker) = parking::pair();
    let waker = Waker::from(unparker);
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    // A task may call `block_on` itself, so the outer future's timer is kept.
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
            let timeout = runtime.timeout(Some(deadline)).unwrap_or(MAX_TIMEOUT);
            TcpStream::connect_timeout(&addr, timeout)
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

/// State of one half: the blocking socket shared by both halves, the clock, and
/// the timeout last set on the socket for this direction.
#[derive(Clone, Debug)]
struct Socket {
    runtime: Blocking,
    stream: Arc<TcpStream>,
    timeout: Option<Duration>,
}

impl Socket {
    /// Repeats `operation` until it completes. Returns `None` if the deadline
    /// passes first. At least one attempt is made.
    fn attempt<T>(
        &mut self,
        deadline: Option<Tick>,
        set_timeout: impl Fn(&TcpStream, Option<Duration>) -> io::Result<()>,
        mut operation: impl FnMut(&TcpStream) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        loop {
            let timeout = self.runtime.timeout(deadline);
            // Some systems refuse once both directions have ended; then no operation waits.
            if timeout != self.timeout && set_timeout(&self.stream, timeout).is_ok() {
                self.timeout = timeout;
            }
            match operation(&self.stream) {
                Err(error) if is_timeout(&error) => {
                    if self.runtime.is_past(deadline) {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done.map(Some),
            }
        }
    }
}

/// Returns whether a socket timeout has passed. Except on Windows,
/// [`io::ErrorKind::TimedOut`] means that the peer has vanished instead.
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
    /// Passes `DONTWAIT` for this call only, because the reader needs a blocking socket.
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
        // This fails if the connection has ended, which the reader reports.
        let _ = self.0.stream.shutdown(Shutdown::Write);
    }
}

/// Ends a connection on [`Blocking`].
#[derive(Clone, Debug)]
pub struct BlockingAbortHandle(Weak<TcpStream>);

impl AbortHandle for BlockingAbortHandle {
    fn abort(&self) {
        if let Some(stream) = self.0.upgrade() {
            // This fails if the connection has ended; then no operation is pending.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
