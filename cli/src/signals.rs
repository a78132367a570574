//! Signals that end a session.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use async_channel::Receiver;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::commands::internal;
use crate::error::{Error, ExitStatus};
use crate::ui::terminal::restore_forcibly;

/// Time for the session to end after the second request to leave. It cannot end while
/// its output is blocked.
const GRACE: Duration = Duration::from_secs(1);

/// Handles SIGINT, SIGTERM and SIGHUP. Until the returned flag is set, they end the
/// program. Afterwards they request the session to leave, through a separate
/// channel, because the input channel may be full. A second request ends the program
/// even if the session does not respond.
pub(crate) fn interrupt_on_signals() -> Result<(Arc<AtomicBool>, Receiver<()>), Error> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| internal("cannot listen to signals", &error))?;
    let (asking, asked) = async_channel::bounded(1);
    let inside = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&inside);
    let wait = move || {
        let mut requests = 0;
        for _ in signals.forever() {
            if !seen.load(Ordering::Relaxed) || asking.is_closed() {
                process::exit(ExitStatus::Interrupted as i32);
            }
            let _ = asking.try_send(()); // one pending request suffices
            requests += 1;
            if requests == 2 {
                thread::spawn(|| {
                    thread::sleep(GRACE);
                    restore_forcibly();
                    process::exit(ExitStatus::Interrupted as i32);
                });
            }
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map_err(|error| internal("cannot start a thread", &error))?;
    Ok((inside, asked))
}
