//! Signals that ask to leave.

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

/// Ctrl+C and its like: before the room the program just ends, in it (once the
/// flag is set) the person leaves, and hears of it on a channel of its own,
/// since the other may be full.
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
            let _ = asking.try_send(()); // one that waits already is enough
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map_err(|error| internal("cannot start a thread", &error))?;
    Ok((inside, asked))
}
