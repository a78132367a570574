//! The connection, as far as the person is concerned.

use crate::safe;
use std::time::Duration;

use cmdchat_core::time::Tick;

use crate::ui::model::{EntryKind, Model, Now};
use crate::{text::SafeText, ui::strings};

/// Whether there is a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// There is.
    Online,
    /// It was lost at `since`; the next try comes at `next`.
    Backoff {
        /// See above.
        since: Tick,
        /// See above.
        next: Tick,
    },
    /// It was lost at `since` and is being tried.
    Connecting {
        /// See above.
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

    /// Whole seconds until the next try, if one is waited for.
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

    /// When the countdown shows another number.
    pub(super) fn changes_at(self, now: Tick) -> Option<Tick> {
        let Self::Backoff { next, .. } = self else { return None };
        let left = next.saturating_duration_since(now);
        let shown = self.countdown(now)?.saturating_sub(1);
        Some(now.saturating_add(left.saturating_sub(Duration::from_secs(shown))))
    }
}

impl Model {
    /// Whether there is nobody to say anything to.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.link != ConnectionState::Online
    }

    /// There is no connection, and the next try comes then.
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

    /// There is a connection; says what became of the old one, if there was one.
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
