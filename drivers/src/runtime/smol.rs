//! The default runtime: one thread that runs all tasks on [`smol`] and waits for
//! all sockets at once, and a thread pool for CPU-bound work.

use std::{
    future::Future,
    io::{self, IoSlice, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Weak},
    time::Instant,
};

use async_io::{Async, Timer};
use cmdchat_core::time::{Epoch, Tick};
use futures_lite::future;

use crate::{
    runtime::tcp,
    runtime::{
        AbortHandle, Connection, Dial, Listener, ReadHalf, ReadOutcome, Runtime, TcpRuntime,
        WriteHalf,
    },
};

/// Number of operations without waiting after which a connection yields, so that
/// one busy peer does not hold up the thread that serves all connections.
const YIELD_AFTER: u8 = 64;

/// The runtime on smol. Clones share tasks and clock.
#[derive(Clone, Debug)]
pub struct Smol {
    executor: Arc<smol::Executor<'static>>,
    start: Instant,
}

impl Smol {
    /// Returns a runtime without tasks whose clock starts at zero.
    #[must_use]
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a runtime is where time comes from")]
        let start = Instant::now();
        Self { executor: Arc::default(), start }
    }

    fn timer(&self, at: Tick) -> Timer {
        // An instant beyond the range of the system's clock never comes.
        self.start.checked_add(at.since_start()).map_or_else(Timer::never, Timer::at)
    }

    fn connection(
        &self,
        stream: Async<TcpStream>,
        peer: SocketAddr,
    ) -> io::Result<Connection<Self>> {
        tcp::configure(stream.get_ref())?;
        let stream = Arc::new(stream);
        let half = Socket { runtime: self.clone(), stream: Arc::clone(&stream), since_wait: 0 };
        Ok(Connection {
            abort: SmolAbortHandle(Arc::downgrade(&stream)),
            reader: SmolReadHalf(half.clone()),
            writer: SmolWriteHalf(half),
            peer,
        })
    }
}

impl Default for Smol {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for Smol {
    type ReadHalf = SmolReadHalf;
    type WriteHalf = SmolWriteHalf;
    type AbortHandle = SmolAbortHandle;

    fn now(&self) -> Tick {
        Tick::from_start(self.start.elapsed())
    }

    fn epoch(&self) -> Option<Epoch> {
        tcp::measure_epoch(self.now())
    }

    async fn sleep_until(&self, at: Tick) {
        self.timer(at).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(task).detach();
    }

    fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        smol::unblock(job)
    }
}

impl Dial for Smol {
    async fn dial(&self, addrs: &[SocketAddr], deadline: Tick) -> io::Result<Connection<Self>> {
        let attempt = async |addr| Async::<TcpStream>::connect(addr).await?.into_inner();
        let (stream, peer) = tcp::happy_eyeballs(self, addrs, deadline, attempt).await?;
        self.connection(Async::new(stream)?, peer)
    }
}

impl TcpRuntime for Smol {
    type Listener = SmolListener;

    /// Tasks that have not ended when `future` ends are not polled until the next call.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        smol::block_on(self.executor.run(future))
    }

    fn listen(&self, socket: TcpListener) -> io::Result<SmolListener> {
        Ok(SmolListener { runtime: self.clone(), socket: Async::new(socket)? })
    }

    fn connection_from_std(&self, socket: TcpStream) -> io::Result<Connection<Self>> {
        let peer = socket.peer_addr()?;
        self.connection(Async::new(socket)?, peer)
    }
}

/// Accepts connections for [`Smol`].
#[derive(Debug)]
pub struct SmolListener {
    runtime: Smol,
    socket: Async<TcpListener>,
}

impl Listener<Smol> for SmolListener {
    async fn accept(&mut self) -> io::Result<Connection<Smol>> {
        // A flood of new connections must not hold up the existing ones.
        future::yield_now().await;
        let (stream, peer) = self.socket.accept().await?;
        self.runtime.connection(stream, peer)
    }
}

/// State of one half: the non-blocking socket shared by both halves, the clock,
/// and the number of operations since the last wait.
#[derive(Clone, Debug)]
struct Socket {
    runtime: Smol,
    stream: Arc<Async<TcpStream>>,
    since_wait: u8,
}

impl Socket {
    /// Repeats `operation` until it no longer has to wait. Returns `None` if it
    /// still has to at the deadline. The first attempt needs no timer, and the
    /// last one is made after the deadline.
    async fn attempt<T, F: Future<Output = io::Result<()>>>(
        &mut self,
        deadline: Option<Tick>,
        mut operation: impl FnMut(&TcpStream) -> io::Result<T>,
        ready: impl Fn(Arc<Async<TcpStream>>) -> F,
    ) -> io::Result<Option<T>> {
        if self.since_wait >= YIELD_AFTER {
            self.since_wait = 0;
            future::yield_now().await;
        }
        let mut timed_out = false;
        loop {
            match operation(self.stream.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.since_wait = 0,
                done => {
                    self.since_wait += 1;
                    return done.map(Some);
                }
            }
            timed_out = timed_out || deadline.is_some_and(|at| self.runtime.now() >= at);
            if timed_out {
                return Ok(None);
            }
            let ready = ready(Arc::clone(&self.stream));
            let Some(at) = deadline else {
                ready.await?;
                continue;
            };
            let timeout = async {
                self.runtime.timer(at).await;
                timed_out = true;
                Ok(())
            };
            // Boxed so that futures without a deadline do not reserve space for it.
            Box::pin(future::or(ready, timeout)).await?;
        }
    }
}

/// The receiving half of a connection on [`Smol`].
#[derive(Debug)]
pub struct SmolReadHalf(Socket);

impl ReadHalf for SmolReadHalf {
    async fn read(&mut self, buffer: &mut [u8], deadline: Option<Tick>) -> io::Result<ReadOutcome> {
        let count = self
            .0
            .attempt(deadline, |mut stream| stream.read(buffer), Async::readable_owned)
            .await?;
        Ok(match count {
            Some(0) => ReadOutcome::Eof,
            Some(count) => ReadOutcome::Data(count),
            None => ReadOutcome::TimedOut,
        })
    }
}

/// The sending half of a connection on [`Smol`].
#[derive(Debug)]
pub struct SmolWriteHalf(Socket);

impl WriteHalf for SmolWriteHalf {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        tcp::retry_interrupted(|| self.0.stream.get_ref().write_vectored(slices))
    }

    async fn write(&mut self, slices: &[IoSlice<'_>], deadline: Option<Tick>) -> io::Result<usize> {
        let operation = |mut stream: &TcpStream| stream.write_vectored(slices);
        let count = self.0.attempt(deadline, operation, Async::writable_owned).await?;
        count.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    fn finish(&mut self) {
        // This fails if the connection has ended, which the reader reports.
        let _ = self.0.stream.get_ref().shutdown(Shutdown::Write);
    }
}

/// Ends a connection on [`Smol`].
#[derive(Clone, Debug)]
pub struct SmolAbortHandle(Weak<Async<TcpStream>>);

impl AbortHandle for SmolAbortHandle {
    fn abort(&self) {
        if let Some(stream) = self.0.upgrade() {
            // This fails if the connection has ended; then no operation is pending.
            let _ = stream.get_ref().shutdown(Shutdown::Both);
        }
    }
}
