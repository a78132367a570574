//! Keepalive timers of a sealed link (PROTOCOL 2.4).

use std::time::Duration;

use crate::time::Tick;

/// The idle time after which a side sends a ping.
const PING_AFTER: Duration = Duration::from_secs(30);
/// The idle time after which a side closes the link.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Tracks when the peer last sent anything.
#[derive(Debug)]
pub(crate) struct Keepalive {
    heard_at: Tick,
    /// True if a ping has been sent since `heard_at`.
    asked: bool,
}

/// The action that is due after the time that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepaliveAction {
    /// No action.
    None,
    /// Send a ping.
    SendPing,
    /// Close the link, because the peer has timed out.
    TimedOut,
}

impl Keepalive {
    /// Starts the timers for a link established at `now`.
    pub(crate) const fn new(now: Tick) -> Self {
        Self { heard_at: now, asked: false }
    }

    /// Records that the peer sent data at `now`.
    pub(crate) fn on_receive(&mut self, now: Tick) {
        *self = Self::new(now);
    }

    /// Pauses the timers until `until`, because the caller does not read before then.
    pub(crate) fn pause_until(&mut self, until: Tick) {
        self.heard_at = self.heard_at.max(until);
    }

    /// Returns the latest instant at which to call [`Self::poll`].
    pub(crate) fn deadline(&self) -> Tick {
        self.heard_at.saturating_add(if self.asked { IDLE_TIMEOUT } else { PING_AFTER })
    }

    /// Returns the action due at `now`. `SendPing` is returned only once per idle period.
    pub(crate) fn poll(&mut self, now: Tick) -> KeepaliveAction {
        let idle = now.saturating_duration_since(self.heard_at);
        if idle >= IDLE_TIMEOUT {
            KeepaliveAction::TimedOut
        } else if idle >= PING_AFTER && !std::mem::replace(&mut self.asked, true) {
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
