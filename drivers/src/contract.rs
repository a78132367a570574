//! What a runtime must be able to do. Everything above is written once
//! against these traits; smol, blocking threads and the simulator are leaves.
//!
//! No loop waits on a socket and on something else at the same time: a reader
//! waits for bytes with a deadline, a writer for room with a deadline, and all
//! other waiting happens on channels and [`Runtime::sleep_until`], which any
//! runtime can poll. So a runtime of plain blocking sockets fits as well.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::SocketAddr,
};

use cmdchat_core::time::Tick;

/// A clock, a spawner and a place for arithmetic.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// The receiving half of this runtime's connections.
    type Reader: Reader;
    /// The sending half.
    type Writer: Writer;
    /// Ends a connection from outside.
    type Hangup: Hangup;

    /// Monotonic time since this runtime was made.
    fn now(&self) -> Tick;

    /// Ready at `at`, at once if that has passed.
    fn sleep_until(&self, at: Tick) -> impl Future<Output = ()> + Send;

    /// Runs `task` beside the caller, to its end.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Runs arithmetic of some milliseconds where it delays nobody else's I/O.
    fn compute<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes, at least one.
    Bytes(usize),
    /// The peer will send no more.
    End,
    /// The deadline came first.
    Late,
}

/// The receiving half of a connection.
pub trait Reader: Send + 'static {
    /// Waits for bytes until `deadline` (for ever if there is none). A read
    /// with bytes at hand returns them even if the deadline has passed.
    fn read(
        &mut self,
        buffer: &mut [u8],
        deadline: Option<Tick>,
    ) -> impl Future<Output = io::Result<Read>> + Send;
}

/// The sending half of a connection.
pub trait Writer: Send + 'static {
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
/// or writer cannot be asked to stop. Repeating it is harmless.
pub trait Hangup: Clone + Send + Sync + 'static {
    /// Ends the connection now. The pending read or write returns.
    fn hang_up(&self);
}

/// A connection, taken apart.
#[derive(Debug)]
pub struct Connection<R: Runtime> {
    /// Bytes from the peer.
    pub reader: R::Reader,
    /// Bytes to the peer.
    pub writer: R::Writer,
    /// The way to end it.
    pub hangup: R::Hangup,
    /// The other end.
    pub peer: SocketAddr,
}

/// Where connections come from.
pub trait Listener<R: Runtime>: Send + 'static {
    /// The next connection. An error is about one connection, or about the
    /// system being short of something for now: the caller may ask again.
    fn accept(&mut self) -> impl Future<Output = io::Result<Connection<R>>> + Send;
}
