//! The state-machine interface of a login, for both client and server.

use crate::{time::Tick, transport::frame::Frame, transport::line_decoder::LineDecoder};

/// A login between two steps. Every step consumes the value, so a login that has
/// failed or was abandoned cannot be used again. The secrets of a phase are
/// zeroized when the phase ends.
pub trait Handshake: Sized + Send + 'static {
    /// The login during a CPU-bound computation.
    type Job: Job<Next = Self>;
    /// The result of a successful login.
    type Output: Send + 'static;
    /// The reason for a failed login.
    type LoginError: Send + 'static;

    /// Takes at most one line from `decoder` and appends the frames to send to
    /// `out`. It may do so on failure too, so write the frames before examining the
    /// result. Calling it without new input, or too early, is harmless.
    ///
    /// # Errors
    ///
    /// Returns [`Self::LoginError`] if the login has failed. The caller should then
    /// close the connection in order.
    fn advance(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Self>, Self::LoginError>;

    /// Returns the latest instant at which to call [`Self::advance`].
    fn deadline(&self) -> Tick;

    /// Ends a login whose computation cannot run now, because too many are waiting.
    fn reject_overloaded(work: Self::Job, out: &mut Vec<Frame>) -> Self::LoginError;
}

/// The next action that a login requires.
#[derive(Debug)]
pub enum Step<H: Handshake> {
    /// Feed more bytes, or the end of the stream, before the deadline.
    NeedsInput(H),
    /// Run this CPU-bound job of some milliseconds, on any thread.
    Compute(H::Job),
    /// Call [`Handshake::advance`] again at this instant, or at the end of the peer's stream.
    /// Do not read more than one buffer from the peer until then.
    WaitUntil(Tick, H),
    /// The login has succeeded.
    Done(H::Output),
}

/// A CPU-bound computation of a login. It performs no I/O and reads no clock.
pub trait Job: Send + 'static {
    /// The login after the computation.
    type Next;
    /// Runs the computation.
    fn run(self) -> Self::Next;
}
