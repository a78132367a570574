//! The pure UI model, shared by all views.
//!
//! Theory of operation. [`Model::update`] receives everything that happens, with
//! its time. [`Model::poll_effect`] returns the side effects for the caller to
//! run. The model has no access to a terminal, a clock or a socket.
//! The message log follows server order. The user's own messages appear after
//! it as pending until the server echoes them.

mod commands;
mod connection;
mod events;
mod input;
mod lock;
mod message_log;
mod scroll;
mod settings;
mod slash_command;

use crate::safe;
use std::collections::{BTreeSet, VecDeque};

use cmdchat_core::{
    client::{Event, Mode, SendId},
    fingerprint::Fingerprint,
    secret::Password,
    time::Tick,
    untrusted::Untrusted,
    username::Username,
};
use cmdchat_drivers::client::SessionCommand;
use jiff::{Timestamp, civil::Time, tz::TimeZone};
use zeroize::Zeroizing;

use crate::text::{ConfusableNames, SafeBody, SafeText};
use crate::ui::{StartupNotices, editor::Editor, keymap::Action, layout::Size, mentions::action};

pub use crate::ui::model::connection::ConnectionState;
pub(super) use crate::ui::model::lock::LockScreen;
pub(super) use crate::ui::model::message_log::{ChatMessage, Entry, EntryKind, MessageLog};
pub(super) use crate::ui::model::scroll::ScrollPosition;
pub use crate::ui::model::settings::{NotifyLevel, Settings, TimeFormat};

/// The current time, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic time of the runtime.
    pub tick: Tick,
    /// Wall-clock time.
    pub at: Timestamp,
}

/// The room as one user sees it.
pub struct Model {
    pub(super) address: SafeText,
    me: Username,
    pub(super) zone: TimeZone,
    pub(super) settings: Settings,
    pub(super) link: ConnectionState,
    pub(super) mode: Option<Mode>,
    fingerprint: Option<Fingerprint>,
    /// Digits that the user wants compared with those of this room.
    pub(super) compared: Option<Fingerprint>,
    /// Result of the last comparison, if there was one.
    pub(super) verified: Option<bool>,
    pub(super) members: Vec<RosterEntry>,
    pub(super) online: usize,
    confusables: ConfusableNames,
    /// Usernames whose messages are hidden.
    ignored: BTreeSet<String>,
    pub(super) log: MessageLog,
    pub(super) pending: Vec<PendingEntry>,
    /// Number of messages sent so far.
    said: u64,
    pub(super) editor: Editor,
    /// The draft is a paste with enough lines to need a preview before sending.
    pub(super) preview: bool,
    pub(super) find: Option<SearchState>,
    pub(super) place: ScrollPosition,
    /// The size of the screen, if there is one.
    size: Option<Size>,
    /// Messages received since the newest one scrolled out of sight.
    pub(super) below: usize,
    /// The first message received while the user was not looking.
    pub(super) new_from: Option<u64>,
    /// Focus of the terminal, if it reports that.
    focus: Option<bool>,
    rung: Option<Tick>,
    /// The note about clipboards was shown.
    clipboard_told: bool,
    pub(super) hides_members: bool,
    pub(super) locked: Option<LockScreen>,
    lock_pressed: Option<Tick>,
    asked: Option<PendingConfirm>,
    /// Status message about the last key, if there is one.
    pub(super) status: Option<SafeText>,
    notices: StartupNotices,
    effects: VecDeque<Effect>,
}

/// A member in the member list.
pub(super) struct RosterEntry {
    raw: Untrusted,
    pub(super) name: SafeText,
    pub(super) own: bool,
    /// When the member joined, if this client saw it.
    since: Option<Timestamp>,
}

/// A message of the user's own that the server has not echoed yet.
pub(super) struct PendingEntry {
    reference: SendId,
    text: Zeroizing<String>,
    pub(super) body: SafeBody,
    pub(super) action: bool,
    /// The echo is overdue.
    pub(super) overdue: bool,
}

/// State of a search.
#[derive(Default)]
pub(super) struct SearchState {
    pub(super) query: Editor,
    /// Number of the selected match.
    pub(super) at: Option<u64>,
    /// Number of matches; `number` is the selected one, counted from the newest.
    pub(super) count: usize,
    pub(super) number: usize,
}

/// An action that waits for a second key press as confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PendingConfirm {
    /// Ctrl+C or Ctrl+D again, until this time.
    Key(Tick),
    /// Enter again, after `q`, `quit` or `exit`.
    Word,
}

/// An input of the model.
pub enum Msg {
    /// An event of the session.
    Heard(Event),
    /// A key press.
    Key(Action),
    /// A paste, unmodified.
    Paste(Zeroizing<String>),
    /// A complete line, from a terminal that does its own line editing.
    Line(Zeroizing<String>),
    /// The terminal gained (`true`) or lost focus.
    Focus(bool),
    /// The full screen has this size now.
    Resized(Size),
    /// The server has closed the room.
    Closed,
    /// The client is offline and will try to reconnect at this time.
    Waiting(Tick),
    /// The client is trying to reconnect.
    Trying,
    /// Result of [`Effect::CheckPassphrase`].
    Unlocked(bool),
    /// A request from outside the terminal to leave.
    Leave,
    /// Only time has passed.
    Passed,
}

/// A side effect that the caller of the model runs.
#[derive(Debug)]
pub enum Effect {
    /// Send a command to the session.
    Send(SessionCommand),
    /// Leave, after waiting for the last echoes.
    Quit,
    /// Leave without waiting.
    QuitNow,
    /// Leave without waiting, and erase the terminal.
    Panic,
    /// Check the passphrase and report the result as [`Msg::Unlocked`].
    CheckPassphrase(Password),
    /// Copy this to the clipboard.
    Copy(SafeBody),
    /// Ring the bell.
    Bell,
    /// Redraw the whole screen.
    Redraw,
    /// Suspend the process until it is continued.
    Suspend,
    /// Reconnect now.
    Retry,
}

impl Model {
    /// Creates the model of an empty room at `address`, with `settings` from the
    /// command line.
    #[must_use]
    pub fn new(address: SafeText, me: Username, zone: TimeZone, settings: Settings) -> Self {
        Self {
            address,
            me,
            zone,
            settings,
            link: ConnectionState::Online,
            mode: None,
            fingerprint: None,
            compared: None,
            verified: None,
            members: Vec::new(),
            online: 0,
            confusables: ConfusableNames::default(),
            ignored: BTreeSet::new(),
            log: MessageLog::default(),
            pending: Vec::new(),
            said: 0,
            editor: Editor::default(),
            preview: false,
            find: None,
            place: ScrollPosition::Bottom,
            size: None,
            below: 0,
            new_from: None,
            focus: None,
            rung: None,
            clipboard_told: false,
            hides_members: false,
            locked: None,
            lock_pressed: None,
            asked: None,
            status: None,
            notices: StartupNotices::default(),
            effects: VecDeque::new(),
        }
    }

    /// Sets the notices to show once after joining.
    #[must_use]
    pub fn notices(self, notices: StartupNotices) -> Self {
        Self { notices, ..self }
    }

    /// Applies `input`, which happened at `now`.
    pub fn update(&mut self, now: Now, input: Msg) {
        match input {
            Msg::Heard(event) => self.on_event(now, event),
            Msg::Key(key) => self.on_action(now, key),
            Msg::Paste(text) => self.paste(&text),
            Msg::Line(text) => self.enter(now, text),
            Msg::Focus(has) => self.look(has),
            Msg::Resized(size) => self.resize(size),
            Msg::Closed => self.note(now, safe!["the host closed the room"]),
            Msg::Waiting(next) => self.wait_for(now, next),
            Msg::Trying => self.try_again(),
            Msg::Unlocked(right) => self.unlock(right),
            Msg::Leave => self.effects.push_back(Effect::Quit),
            Msg::Passed => {}
        }
        self.settle();
    }

    /// Returns the next side effect to run.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Returns the time at which the view changes without any input.
    #[must_use]
    pub fn deadline(&self, now: Tick) -> Option<Tick> {
        self.link.changes_at(now)
    }

    /// Returns the draft being typed.
    #[must_use]
    pub const fn draft(&self) -> &Editor {
        &self.editor
    }

    /// Returns the number of the next log entry.
    #[must_use]
    pub fn end_of_log(&self) -> u64 {
        self.log.end()
    }

    /// Returns the time of day in the configured format's time zone.
    #[must_use]
    pub fn time_of_day(&self, at: Timestamp) -> Time {
        self.local(at).time()
    }

    /// Takes the status message about the last key.
    pub const fn take_status(&mut self) -> Option<SafeText> {
        self.status.take()
    }

    /// Sends a message and adds it to the pending ones.
    pub fn say(&mut self, text: &str) {
        let reference = SendId(self.said);
        self.said += 1;
        let (action, words) = action(text);
        let body = SafeText::message(&Untrusted::new(words.to_owned()));
        let text = Zeroizing::new(text.to_owned());
        self.send(SessionCommand::Send(reference, text.clone()));
        self.pending.push(PendingEntry { reference, text, body, action, overdue: false });
    }

    fn send(&mut self, command: SessionCommand) {
        self.effects.push_back(Effect::Send(command));
    }

    /// Adds a log entry made by this client.
    fn add(&mut self, at: Timestamp, what: EntryKind) -> u64 {
        self.log.push(Entry { at, skewed: false, what })
    }

    fn note(&mut self, now: Now, line: SafeText) {
        self.add(now.at, EntryKind::Note(vec![line]));
    }
}
