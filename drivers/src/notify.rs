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
    rung: AtomicBool,
    sleeper: AtomicWaker,
}

impl Notify {
    pub(crate) fn ring(&self) {
        // Always written, never only looked at: whoever hears an earlier ring must
        // see what this one is about.
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
