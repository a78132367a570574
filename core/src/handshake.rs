//! The shape of a login, on either side.

use crate::{time::Tick, transport::frame::Frame, transport::line_decoder::LineDecoder};

/// A login between its steps. Every step consumes the value: one that failed
/// or was abandoned cannot be used again, and the secrets of a phase are wiped
/// when the phase is over.
pub trait Handshake: Sized + Send + 'static {
    /// The login while its arithmetic runs.
    type Job: Job<Next = Self>;
    /// What a login ends in.
    type Output: Send + 'static;
    /// Why a login ended otherwise.
    type LoginError: Send + 'static;

    /// Takes at most one line from `decoder`. Frames to send are appended to
    /// `out`, on refusal too: write them first, then look at the result.
    /// Calling without news, or too early, is harmless.
    ///
    /// # Errors
    ///
    /// The login is over; the connection is to be seen out.
    fn advance(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Self>, Self::LoginError>;

    /// When to call [`Self::advance`] at the latest.
    fn deadline(&self) -> Tick;

    /// Ends a login whose arithmetic cannot be run now, because too many wait.
    fn reject_overloaded(work: Self::Job, out: &mut Vec<Frame>) -> Self::LoginError;
}

/// What a login needs next.
#[derive(Debug)]
pub enum Step<H: Handshake> {
    /// More bytes than there are, or the end of the stream, before the deadline.
    NeedsInput(H),
    /// Some milliseconds of arithmetic, on any thread.
    Compute(H::Job),
    /// To be left alone until this moment; nothing is to be read meanwhile.
    WaitUntil(Tick, H),
    /// Nothing: it is done.
    Done(H::Output),
}

/// A login in the middle of its arithmetic: no I/O, no clock.
pub trait Job: Send + 'static {
    /// The login afterwards.
    type Next;
    /// Does the arithmetic.
    fn run(self) -> Self::Next;
}
