//! Runtime traits, and their implementations: smol, blocking threads and the
//! simulator. All other code of this crate is written once, against these traits.
//!
//! No loop waits on a socket and on something else at the same time. A reader
//! waits for bytes with a deadline, and a writer for buffer space with a deadline.
//! All other waiting happens on channels and [`Runtime::sleep_until`], which any
//! runtime can poll. A runtime on plain blocking sockets therefore fits as well.

#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(any(feature = "smol", feature = "blocking"))]
pub mod tcp;

use std::{
    future::Future,
    io::{self, IoSlice},
    net::SocketAddr,
};

use cmdchat_core::time::{Epoch, Tick};

/// A clock, a task spawner and an executor for CPU-bound work.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// The receiving half of this runtime's connections.
    type ReadHalf: ReadHalf;
    /// The sending half of this runtime's connections.
    type WriteHalf: WriteHalf;
    /// Shuts a connection down from another task.
    type AbortHandle: AbortHandle;

    /// Returns the monotonic time since this runtime was created.
    fn now(&self) -> Tick;

    /// Measures the wall-clock time at this runtime's time zero. The result changes
    /// when the machine was suspended, which [`Self::now`] does not count, or when
    /// its clock was set. `None` if the runtime has no wall clock of its own.
    fn epoch(&self) -> Option<Epoch> {
        None
    }

    /// Waits until `at`; returns at once if `at` has passed.
    fn sleep_until(&self, at: Tick) -> impl Future<Output = ()> + Send;

    /// Runs `task` to completion, concurrently with the caller.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Runs a CPU-bound closure (some milliseconds) without blocking the I/O of other tasks.
    fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// This many bytes were read, at least one.
    Data(usize),
    /// The peer will send no more.
    Eof,
    /// The deadline passed before any bytes arrived.
    TimedOut,
}

/// The receiving half of a connection.
pub trait ReadHalf: Send + 'static {
    /// Waits for bytes until `deadline`, without limit if it is `None`.
    ///
    /// Available bytes are returned even if the deadline has passed. A loop that
    /// must stop at a deadline therefore checks the clock itself. The caller
    /// passes a non-empty `buffer`.
    fn read(
        &mut self,
        buffer: &mut [u8],
        deadline: Option<Tick>,
    ) -> impl Future<Output = io::Result<ReadOutcome>> + Send;
}

/// The sending half of a connection.
pub trait WriteHalf: Send + 'static {
    /// Writes a prefix of `slices` in one system call and returns its length, at
    /// least one byte. Fails with [`io::ErrorKind::WouldBlock`] if there is no
    /// buffer space, or if the runtime cannot write without waiting.
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Writes a prefix of `slices` in one system call and returns its length, at
    /// least one byte. Waits for buffer space until `deadline`, then fails with
    /// [`io::ErrorKind::TimedOut`].
    fn write(
        &mut self,
        slices: &[IoSlice<'_>],
        deadline: Option<Tick>,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Signals the end of the stream to the peer. The read half stays open.
    fn finish(&mut self);
}

/// Shuts down both directions of a connection from another task. Any pending
/// read or write returns. Idempotent.
///
/// The handle does not keep the connection open: the connection closes as soon
/// as its reader and writer are dropped.
pub trait AbortHandle: Clone + Send + Sync + 'static {
    /// Ends the connection now. Any pending read or write returns.
    fn abort(&self);
}

/// A connection as its parts.
#[derive(Debug)]
pub struct Connection<R: Runtime> {
    /// Reads bytes from the peer.
    pub reader: R::ReadHalf,
    /// Writes bytes to the peer.
    pub writer: R::WriteHalf,
    /// Ends the connection from another task.
    pub abort: R::AbortHandle,
    /// The peer's address.
    pub peer: SocketAddr,
}

/// A source of incoming connections.
pub trait Listener<R: Runtime>: Send + 'static {
    /// Waits for the next connection. An error concerns one connection, or a
    /// temporary shortage of a system resource, so the caller may try again.
    ///
    /// # Cancel safety
    ///
    /// On every runtime this future can be raced against a channel. Dropping it
    /// loses no connection.
    fn accept(&mut self) -> impl Future<Output = io::Result<Connection<R>>> + Send;
}

/// A runtime that can open outgoing connections.
pub trait Dial: Runtime {
    /// Connects to one of `addrs`, the addresses of one host in order of
    /// preference, by Happy Eyeballs (RFC 8305, section 5). The next address is
    /// tried when one has failed or has not answered for 250 ms. The first to
    /// answer wins.
    ///
    /// Fails with the most specific error if all addresses fail, and with
    /// [`io::ErrorKind::TimedOut`] at the `deadline`.
    fn dial(
        &self,
        addrs: &[SocketAddr],
        deadline: Tick,
    ) -> impl Future<Output = io::Result<Connection<Self>>> + Send;
}

/// A runtime on the system's TCP sockets, as the `cmdchat` binary needs it.
#[cfg(any(feature = "smol", feature = "blocking"))]
pub trait TcpRuntime: Dial {
    /// The listener of this runtime.
    type Listener: Listener<Self>;

    /// Runs `future` to completion on the calling thread.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    /// Takes over a listening socket, such as one from [`crate::runtime::tcp::listen`].
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses to make the socket non-blocking.
    fn listen(&self, socket: std::net::TcpListener) -> io::Result<Self::Listener>;

    /// Takes over a connected socket.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses to configure the socket, or if the
    /// connection has already ended.
    fn connection_from_std(&self, socket: std::net::TcpStream) -> io::Result<Connection<Self>>;
}
