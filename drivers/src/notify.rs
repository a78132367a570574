//! A wake-up signal between two tasks.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use atomic_waker::AtomicWaker;

/// Wakes one sleeper. Rung while nobody sleeps, it is remembered once.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    notified: AtomicBool,
    waker: AtomicWaker,
}

impl Notify {
    pub(crate) fn notify_one(&self) {
        // Always written, never only looked at: whoever hears an earlier ring must
        // see what this one is about.
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Ready after the next ring, or at once after one that nobody heard.
    pub(crate) async fn notified(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.notified.swap(false, Ordering::AcqRel) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}
