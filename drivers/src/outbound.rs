//! Writes what an outlet holds, and sleeps while it holds nothing.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use atomic_waker::AtomicWaker;
use cmdchat_core::log::{GATHERED, Outlet};

use crate::contract::{Runtime, Writer as _};

/// Wakes one sleeper. Rung while nobody sleeps, it is remembered once.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    sleeper: AtomicWaker,
}

impl Bell {
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.sleeper.wake();
        }
    }

    /// Ready after the next ring, or at once after one that nobody heard.
    pub(crate) async fn heard(&self) {
        poll_fn(|context| {
            self.sleeper.register(context.waker());
            if self.rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Writes until the outlet is finished, then tells the peer that nothing more
/// comes. Everything that waits goes into one vectored write; `written` is
/// called after each.
///
/// # Errors
///
/// The connection failed, or was hung up.
pub(crate) async fn run<R: Runtime>(
    runtime: &R,
    writer: &mut R::Writer,
    outlet: &mut Outlet,
    bell: &Bell,
    written: impl Fn() + Send,
) -> io::Result<()> {
    while !outlet.is_finished() {
        let mut slices = [IoSlice::new(&[]); GATHERED];
        let pending = outlet.pending(&mut slices);
        if pending.is_empty() {
            bell.heard().await;
        } else {
            let count = writer.write(pending, None).await?;
            outlet.advance(runtime.now(), count);
            written();
        }
    }
    writer.finish();
    Ok(())
}
