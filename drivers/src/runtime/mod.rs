//! What a runtime must be able to do. Everything above is written once
//! against these traits; smol, blocking threads and the simulator are leaves.
//!
//! No loop waits on a socket and on something else at the same time: a reader
//! waits for bytes with a deadline, a writer for room with a deadline, and all
//! other waiting happens on channels and [`Runtime::sleep_until`], which any
//! runtime can poll. So a runtime of plain blocking sockets fits as well.

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

use cmdchat_core::time::Tick;

/// A clock, a spawner and a place for arithmetic.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// The receiving half of this runtime's connections.
    type ReadHalf: ReadHalf;
    /// The sending half.
    type WriteHalf: WriteHalf;
    /// Ends a connection from outside.
    type AbortHandle: AbortHandle;

    /// Monotonic time since this runtime was made.
    fn now(&self) -> Tick;

    /// Ready at `at`, at once if that has passed.
    fn sleep_until(&self, at: Tick) -> impl Future<Output = ()> + Send;

    /// Runs `task` beside the caller, to its end.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Runs arithmetic of some milliseconds where it delays nobody else's I/O.
    fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// So many bytes, at least one.
    Data(usize),
    /// The peer will send no more.
    Eof,
    /// The deadline came first.
    TimedOut,
}

/// The receiving half of a connection.
pub trait ReadHalf: Send + 'static {
    /// Waits for bytes until `deadline` (for ever if there is none). A read
    /// with bytes at hand returns them even if the deadline has passed, so a
    /// loop that must stop at a deadline looks at the clock itself. `buffer`
    /// is not empty.
    fn read(
        &mut self,
        buffer: &mut [u8],
        deadline: Option<Tick>,
    ) -> impl Future<Output = io::Result<ReadOutcome>> + Send;
}

/// The sending half of a connection.
pub trait WriteHalf: Send + 'static {
    /// Writes a beginning of `slices`, in one system call, and says how much:
    /// at least one byte. Where there is no room now, or a runtime cannot write
    /// without waiting, it fails with [`io::ErrorKind::WouldBlock`].
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Writes a beginning of `slices`, in one system call, and says how much:
    /// at least one byte. Waits for room until `deadline`, then fails with
    /// [`io::ErrorKind::TimedOut`].
    fn write(
        &mut self,
        slices: &[IoSlice<'_>],
        deadline: Option<Tick>,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Tells the peer that nothing more comes; reading goes on.
    fn finish(&mut self);
}

/// Ends a connection in both directions, whoever waits on it: a stuck reader
/// or writer cannot be asked to stop. Repeating it is harmless. It does not
/// keep the connection: that closes as soon as reader and writer are dropped.
pub trait AbortHandle: Clone + Send + Sync + 'static {
    /// Ends the connection now. The pending read or write returns.
    fn abort(&self);
}

/// A connection, taken apart.
#[derive(Debug)]
pub struct Connection<R: Runtime> {
    /// Bytes from the peer.
    pub reader: R::ReadHalf,
    /// Bytes to the peer.
    pub writer: R::WriteHalf,
    /// The way to end it.
    pub abort: R::AbortHandle,
    /// The other end.
    pub peer: SocketAddr,
}

/// Where connections come from.
pub trait Listener<R: Runtime>: Send + 'static {
    /// The next connection. An error is about one connection, or about the
    /// system being short of something for now: the caller may ask again.
    ///
    /// Waiting here is like waiting on a channel, on every runtime: raced
    /// against one, it stops as soon as the other is ready, and dropping it
    /// loses no connection.
    fn accept(&mut self) -> impl Future<Output = io::Result<Connection<R>>> + Send;
}

/// A runtime that can call others.
pub trait Dial: Runtime {
    /// Connects to one of `addrs`, which are the addresses of one host in the
    /// order of preference: the next is tried whenever one has failed or has
    /// not answered for 250 ms, and the first to answer wins (RFC 8305,
    /// section 5).
    ///
    /// Fails with the most telling error when all have failed, and with
    /// [`io::ErrorKind::TimedOut`] at the `deadline`.
    fn dial(
        &self,
        addrs: &[SocketAddr],
        deadline: Tick,
    ) -> impl Future<Output = io::Result<Connection<Self>>> + Send;
}

/// A runtime over the system's sockets, as the program needs it.
#[cfg(any(feature = "smol", feature = "blocking"))]
pub trait TcpRuntime: Dial {
    /// Where this runtime's connections come from.
    type Listener: Listener<Self>;

    /// Runs `future` on the calling thread, to its end.
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T;

    /// Takes over a listening socket, say one of [`crate::runtime::tcp::listen`].
    ///
    /// # Errors
    ///
    /// The system refuses to make it non-blocking.
    fn listen(&self, socket: std::net::TcpListener) -> io::Result<Self::Listener>;

    /// Takes over a connected socket.
    ///
    /// # Errors
    ///
    /// The system refuses to set it up, or the connection has ended already.
    fn connection_from_std(&self, socket: std::net::TcpStream) -> io::Result<Connection<Self>>;
}
