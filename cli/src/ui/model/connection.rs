//! The connection state shown to the user.

use crate::safe;
use std::time::Duration;

use cmdchat_core::time::Tick;

use crate::ui::model::{EntryKind, Model, Now};
use crate::{text::SafeText, ui::strings};

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// The client is online.
    Online,
    /// The client is offline and waits before its next try.
    Backoff {
        /// Time at which the connection was lost.
        since: Tick,
        /// Time of the next try.
        next: Tick,
    },
    /// The client is offline and trying to reconnect.
    Connecting {
        /// Time at which the connection was lost.
        since: Tick,
    },
}

impl ConnectionState {
    const fn lost_at(self) -> Option<Tick> {
        match self {
            Self::Online => None,
            Self::Backoff { since, .. } | Self::Connecting { since } => Some(since),
        }
    }

    /// Returns the seconds until the next try, rounded up, during a backoff.
    pub(in crate::ui) fn countdown(self, now: Tick) -> Option<u64> {
        match self {
            Self::Backoff { next, .. } => Some(
                next.saturating_duration_since(now)
                    .as_millis()
                    .div_ceil(1_000)
                    .try_into()
                    .unwrap_or(u64::MAX),
            ),
            Self::Online | Self::Connecting { .. } => None,
        }
    }

    /// Returns the time at which the countdown shows another number.
    pub(super) fn changes_at(self, now: Tick) -> Option<Tick> {
        let Self::Backoff { next, .. } = self else { return None };
        let left = next.saturating_duration_since(now);
        let shown = self.countdown(now)?.saturating_sub(1);
        Some(now.saturating_add(left.saturating_sub(Duration::from_secs(shown))))
    }
}

impl Model {
    /// Returns whether there is no connection.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.link != ConnectionState::Online
    }

    /// Records that the client is offline and will try to reconnect at `next`.
    pub(super) fn wait_for(&mut self, now: Now, next: Tick) {
        let since = self.link.lost_at().unwrap_or_else(|| {
            self.add(now.at, EntryKind::Warning(safe!["the connection was cut off"]));
            now.tick
        });
        self.link = ConnectionState::Backoff { since, next };
    }

    pub(super) const fn try_again(&mut self) {
        if let Some(since) = self.link.lost_at() {
            self.link = ConnectionState::Connecting { since };
        }
    }

    /// Records that the client is online. Returns a notice if it was offline before.
    pub(super) fn reconnect(&mut self, now: Now) -> Option<SafeText> {
        let since = std::mem::replace(&mut self.link, ConnectionState::Online).lost_at()?;
        self.status = None; // it may say that there is no connection
        let seconds = now.tick.saturating_duration_since(since).as_secs();
        let again = match self.pending.len() {
            0 => safe!["nothing was lost"],
            count => strings::messages(count, "was sent again", "were sent again"),
        };
        Some(safe!["back after ", seconds, " s; ", again])
    }
}
