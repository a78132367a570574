//! Writes what an outlet holds, and sleeps while it holds nothing.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Poll, Waker},
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

/// Wakes everybody who waits for news, or one of them.
///
/// Sleepers stand in one list, because with a thousand of them each place in
/// memory that waking one has to look at is felt.
#[derive(Debug)]
pub(crate) struct Gong<K> {
    rung: AtomicU64,
    sleepers: Mutex<Vec<(K, Waker)>>,
}

impl<K> Default for Gong<K> {
    fn default() -> Self {
        Self { rung: AtomicU64::new(0), sleepers: Mutex::default() }
    }
}

impl<K: PartialEq> Gong<K> {
    /// How often it was rung. Whoever asks before looking for news, and then
    /// waits for [`Self::after`] that, misses nothing.
    pub(crate) fn rung(&self) -> u64 {
        self.rung.load(Ordering::Acquire)
    }

    /// Wakes everybody.
    pub(crate) fn ring(&self) {
        let mut sleepers = self.count();
        let as_many = Vec::with_capacity(sleepers.len());
        let woken = mem::replace(&mut *sleepers, as_many);
        drop(sleepers);
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Wakes whoever waits under this key.
    pub(crate) fn ring_for(&self, key: &K) {
        let mut sleepers = self.count();
        let place = sleepers.iter().position(|(sleeper, _)| sleeper == key);
        let woken = place.map(|at| sleepers.swap_remove(at));
        drop(sleepers);
        if let Some((_, waker)) = woken {
            waker.wake();
        }
    }

    /// Ready when it has been rung more often than `rung` says, for all or for `key`.
    pub(crate) async fn after(&self, rung: u64, key: K) {
        let mut key = Some(key);
        poll_fn(|context| {
            let mut sleepers = self.sleepers();
            match key.take().filter(|_| self.rung() == rung) {
                Some(key) => sleepers.push((key, context.waker().clone())),
                None => return Poll::Ready(()),
            }
            Poll::Pending
        })
        .await;
    }

    /// One more time. Nobody lies down to sleep until the list is let go of.
    fn count(&self) -> MutexGuard<'_, Vec<(K, Waker)>> {
        let sleepers = self.sleepers();
        self.rung.fetch_add(1, Ordering::AcqRel);
        sleepers
    }

    /// A list of sleepers is never half changed.
    fn sleepers(&self) -> MutexGuard<'_, Vec<(K, Waker)>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes until the outlet is finished, then tells the peer that nothing more
/// comes. Everything that waits goes into one vectored write; `written` is
/// called after each.
///
/// # Errors
///
/// The connection failed, or was hung up.
pub(crate) async fn run<R: Runtime, K: Copy + PartialEq + Send>(
    runtime: &R,
    writer: &mut R::Writer,
    outlet: &mut Outlet,
    (news, key): (&Gong<K>, K),
    written: impl Fn() + Send,
) -> io::Result<()> {
    loop {
        let rung = news.rung();
        if outlet.is_finished() {
            break;
        }
        let mut slices = [IoSlice::new(&[]); GATHERED];
        let pending = outlet.pending(&mut slices);
        if pending.is_empty() {
            news.after(rung, key).await;
        } else {
            let count = writer.write(pending, None).await?;
            outlet.advance(runtime.now(), count);
            written();
        }
    }
    writer.finish();
    Ok(())
}
