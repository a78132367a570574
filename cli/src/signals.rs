//! Signals that end a session.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use async_channel::Receiver;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::commands::internal;
use crate::error::{Error, ExitStatus};

/// Handles SIGINT, SIGTERM and SIGHUP. Until the returned flag is set, they end the
/// program. Afterwards they request the session to leave, through a separate
/// channel, because the input channel may be full.
pub(crate) fn interrupt_on_signals() -> Result<(Arc<AtomicBool>, Receiver<()>), Error> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| internal("cannot listen to signals", &error))?;
    let (asking, asked) = async_channel::bounded(1);
    let inside = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&inside);
    let wait = move || {
        for _ in signals.forever() {
            if !seen.load(Ordering::Relaxed) || asking.is_closed() {
                process::exit(ExitStatus::Interrupted as i32);
            }
            let _ = asking.try_send(()); // one pending request suffices
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map_err(|error| internal("cannot start a thread", &error))?;
    Ok((inside, asked))
}
