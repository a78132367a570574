//! Whether the other side of a sealed link is still there (PROTOCOL 2.4).

use std::time::Duration;

use crate::time::Tick;

/// Whoever has heard nothing for so long asks for a sign of life.
const PING_AFTER: Duration = Duration::from_secs(30);
/// And gives the link up after so much of nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// One side's patience with the other.
#[derive(Debug)]
pub(crate) struct Keepalive {
    heard_at: Tick,
    /// A sign of life has been asked for since.
    asked: bool,
}

/// What the time that passed asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepaliveAction {
    /// Nothing.
    None,
    /// To ask for a sign of life.
    SendPing,
    /// To give the link up.
    TimedOut,
}

impl Keepalive {
    /// The link is established at `now`.
    pub(crate) const fn new(now: Tick) -> Self {
        Self { heard_at: now, asked: false }
    }

    /// Something came at `now`.
    pub(crate) fn on_receive(&mut self, now: Tick) {
        *self = Self::new(now);
    }

    /// Nothing can be heard before `until`, because nothing is read.
    pub(crate) fn pause_until(&mut self, until: Tick) {
        self.heard_at = self.heard_at.max(until);
    }

    /// When to call [`Self::due`] at the latest.
    pub(crate) fn deadline(&self) -> Tick {
        self.heard_at.saturating_add(if self.asked { IDLE_TIMEOUT } else { PING_AFTER })
    }

    /// What is due at `now`. A `Ping` is due once.
    pub(crate) fn poll(&mut self, now: Tick) -> KeepaliveAction {
        let silent = now.saturating_duration_since(self.heard_at);
        if silent >= IDLE_TIMEOUT {
            KeepaliveAction::TimedOut
        } else if silent >= PING_AFTER && !std::mem::replace(&mut self.asked, true) {
            KeepaliveAction::SendPing
        } else {
            KeepaliveAction::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keepalive_pings_once_before_timing_out() {
        let at = |seconds| Tick::from_start(Duration::from_secs(seconds));
        let mut keepalive = Keepalive::new(at(0));
        assert_eq!((keepalive.deadline(), keepalive.poll(at(29))), (at(30), KeepaliveAction::None));
        assert_eq!(keepalive.poll(at(30)), KeepaliveAction::SendPing);
        assert_eq!((keepalive.deadline(), keepalive.poll(at(89))), (at(90), KeepaliveAction::None));
        keepalive.on_receive(at(89));
        assert_eq!(keepalive.poll(at(119)), KeepaliveAction::SendPing);
        assert_eq!(keepalive.poll(at(179)), KeepaliveAction::TimedOut);
        keepalive.on_receive(at(200));
        keepalive.pause_until(at(1_000));
        assert_eq!(keepalive.poll(at(1_029)), KeepaliveAction::None);
    }
}
