//! Drives a login to its end, for both client and server.

use std::{
    io::{self, IoSlice},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_lock::Semaphore;
use cmdchat_core::{
    handshake::{Handshake, Job, Step},
    time::Tick,
    transport::frame::Frame,
    transport::line_decoder::LineDecoder,
};

use crate::{
    read_buffer::ReadBuffer,
    runtime::{ReadHalf, ReadOutcome, Runtime, WriteHalf},
};

/// Time in which a rejected peer can read its error line.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// A limit on concurrent login computations. Logins wait here, so that a flood of
/// them leaves the processors to the members.
#[derive(Debug)]
pub(crate) struct ComputeLimiter {
    permits: Semaphore,
    waiting: AtomicUsize,
    max_waiting: usize,
}

impl ComputeLimiter {
    /// Allows `concurrent` computations at a time, and `max_waiting` jobs that wait
    /// for one.
    pub(crate) const fn new(concurrent: usize, max_waiting: usize) -> Self {
        Self { permits: Semaphore::new(concurrent), waiting: AtomicUsize::new(0), max_waiting }
    }

    /// Runs `job` as soon as the limit allows. Returns the job as the error if
    /// too many are waiting already.
    async fn run<R: Runtime, J: Job>(&self, runtime: &R, job: J) -> Result<J::Next, J>
    where
        J::Next: Send + 'static,
    {
        let permit = match self.permits.try_acquire() {
            Some(permit) => permit,
            None => {
                if self.waiting.fetch_add(1, Ordering::AcqRel) >= self.max_waiting {
                    self.waiting.fetch_sub(1, Ordering::AcqRel);
                    return Err(job);
                }
                let permit = self.permits.acquire().await;
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                permit
            }
        };
        let next = runtime.spawn_blocking(|| job.run()).await;
        drop(permit);
        Ok(next)
    }
}

/// Drives `login` until it succeeds or fails. All lines owed to a rejected peer
/// have been written when this returns.
///
/// # Errors
///
/// Returns the reason if the login failed. A connection error is reported to the
/// login as an end of stream, which the login interprets by its phase.
pub(crate) async fn drive<R: Runtime, H: Handshake>(
    runtime: &R,
    srp_limiter: &ComputeLimiter,
    reader: &mut R::ReadHalf,
    writer: &mut R::WriteHalf,
    decoder: &mut LineDecoder,
    mut login: H,
) -> Result<H::Output, H::LoginError> {
    let mut buffer = ReadBuffer::new();
    let mut out = Vec::new();
    loop {
        let deadline = login.deadline();
        let step = login.advance(runtime.now(), decoder, &mut out);
        // If the peer does not read its lines, the login fails at the deadline.
        if send(writer, &mut out, deadline).await.is_err() {
            decoder.feed_eof();
        }
        login = match step? {
            Step::Done(output) => return Ok(output),
            Step::NeedsInput(login) => {
                match reader.read(buffer.spare_mut(), Some(login.deadline())).await {
                    Ok(ReadOutcome::Data(count)) => {
                        buffer.consume(count, |bytes| decoder.feed(bytes))
                    }
                    Ok(ReadOutcome::TimedOut) => {}
                    Ok(ReadOutcome::Eof) | Err(_) => decoder.feed_eof(),
                }
                login
            }
            Step::WaitUntil(until, login) => {
                // Reads too, to notice a peer that has gone. One that sends early is
                // read once and then waits.
                match reader.read(buffer.spare_mut(), Some(until)).await {
                    Ok(ReadOutcome::Data(count)) => {
                        buffer.consume(count, |bytes| decoder.feed(bytes));
                        runtime.sleep_until(until).await;
                    }
                    Ok(ReadOutcome::TimedOut) => {}
                    Ok(ReadOutcome::Eof) | Err(_) => decoder.feed_eof(),
                }
                login
            }
            Step::Compute(job) => match srp_limiter.run(runtime, job).await {
                Ok(login) => login,
                Err(job) => {
                    let rejected = H::reject_overloaded(job, &mut out);
                    let _ = send(writer, &mut out, deadline).await;
                    return Err(rejected);
                }
            },
        };
    }
}

async fn send<W: WriteHalf>(
    writer: &mut W,
    frames: &mut Vec<Frame>,
    deadline: Tick,
) -> io::Result<()> {
    for frame in frames.drain(..) {
        let mut rest = frame.bytes();
        while !rest.is_empty() {
            let written = writer.write(&[IoSlice::new(rest)], Some(deadline)).await?;
            rest = rest.get(written..).unwrap_or_default();
        }
    }
    Ok(())
}

/// Lets a rejected peer read its last line before the connection is closed.
/// Closing with unread bytes of the peer would reset the connection and could
/// destroy the line.
pub(crate) async fn linger_close<R: Runtime>(
    runtime: &R,
    mut reader: R::ReadHalf,
    mut writer: R::WriteHalf,
) {
    writer.finish();
    let until = runtime.now().saturating_add(LINGER_TIMEOUT);
    let mut buffer = ReadBuffer::new();
    while runtime.now() < until {
        match reader.read(buffer.spare_mut(), Some(until)).await {
            Ok(ReadOutcome::Data(_)) => {}
            Ok(ReadOutcome::TimedOut | ReadOutcome::Eof) | Err(_) => break,
        }
    }
}
