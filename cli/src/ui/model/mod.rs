//! What there is to see, and what becomes of a key: one model for both views.
//!
//! Theory of operation. Everything that happens comes in by [`Model::update`],
//! with its time; what is to be done outside comes out of
//! [`Model::poll_effect`]. The model knows no terminal, no clock and no socket.
//! The log has what the room has said, in the room's order; a text of one's own
//! is pending beside it until its echo comes back.

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

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the runtime's clock.
    pub tick: Tick,
    /// By the one on the wall.
    pub at: Timestamp,
}

/// The room as one person sees it.
pub struct Model {
    pub(super) address: SafeText,
    me: Username,
    pub(super) zone: TimeZone,
    pub(super) settings: Settings,
    pub(super) link: ConnectionState,
    pub(super) mode: Option<Mode>,
    fingerprint: Option<Fingerprint>,
    /// Whether the digits of another member were the same.
    pub(super) verified: Option<bool>,
    pub(super) members: Vec<RosterEntry>,
    pub(super) online: usize,
    confusables: ConfusableNames,
    /// Whose messages are not shown.
    ignored: BTreeSet<String>,
    pub(super) log: MessageLog,
    pub(super) pending: Vec<PendingEntry>,
    /// Texts said so far.
    said: u64,
    pub(super) editor: Editor,
    /// The draft is a paste of so many lines that it wants a second look.
    pub(super) preview: bool,
    pub(super) find: Option<SearchState>,
    pub(super) place: ScrollPosition,
    /// The size of the screen, if there is one.
    size: Option<Size>,
    /// Messages that came since the newest was out of sight.
    pub(super) below: usize,
    /// The first message that came while nobody looked.
    pub(super) new_from: Option<u64>,
    /// Whether the terminal is looked at, if it says so.
    focus: Option<bool>,
    rung: Option<Tick>,
    /// The note about clipboards was given.
    clipboard_told: bool,
    pub(super) hides_members: bool,
    pub(super) locked: Option<LockScreen>,
    lock_pressed: Option<Tick>,
    asked: Option<PendingConfirm>,
    /// What the last key came to, if it needs a word.
    pub(super) status: Option<SafeText>,
    notices: StartupNotices,
    effects: VecDeque<Effect>,
}

/// Somebody who is here.
pub(super) struct RosterEntry {
    raw: Untrusted,
    pub(super) name: SafeText,
    pub(super) own: bool,
    /// When it was seen to come.
    since: Option<Timestamp>,
}

/// A text of one's own that has not come back.
pub(super) struct PendingEntry {
    reference: SendId,
    text: Zeroizing<String>,
    pub(super) body: SafeBody,
    pub(super) action: bool,
    /// It should have come back by now.
    pub(super) overdue: bool,
}

/// Looking for something.
#[derive(Default)]
pub(super) struct SearchState {
    pub(super) query: Editor,
    /// The message that was found.
    pub(super) at: Option<u64>,
    /// How many there are, and which of them it is, from the newest.
    pub(super) count: usize,
    pub(super) number: usize,
}

/// Something asks for a second key, to be sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PendingConfirm {
    /// Ctrl+C again, until then.
    Key(Tick),
    /// Enter again.
    Word,
}

/// What happens.
pub enum Msg {
    /// The room.
    Heard(Event),
    /// A key.
    Key(Action),
    /// A paste, as it came.
    Paste(Zeroizing<String>),
    /// A whole line, from a terminal that edits lines itself.
    Line(Zeroizing<String>),
    /// The terminal is looked at, or not any more.
    Focus(bool),
    /// There is a screen, of this size.
    Resized(Size),
    /// The host has closed the room.
    Closed,
    /// There is no connection; the next try comes then.
    Waiting(Tick),
    /// It is being tried.
    Trying,
    /// What was typed to unlock the screen was right, or was not.
    Unlocked(bool),
    /// Somebody outside asks to leave.
    Leave,
    /// Nothing but time.
    Passed,
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Effect {
    /// Tell the session.
    Send(SessionCommand),
    /// Leave, but wait for the last words.
    Quit,
    /// Leave without waiting.
    QuitNow,
    /// The same, and leave nothing behind on the terminal.
    Panic,
    /// See whether this is the passphrase, and say so.
    CheckPassphrase(Password),
    /// Put this on the clipboard.
    Copy(SafeBody),
    /// Ring the bell.
    Bell,
    /// Draw everything again.
    Redraw,
    /// Stop until continued.
    Suspend,
    /// Try to connect now.
    Retry,
}

impl Model {
    /// An empty room at `address`, with `settings` chosen on the command line.
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

    /// With something to say once the room is there.
    #[must_use]
    pub fn notices(self, notices: StartupNotices) -> Self {
        Self { notices, ..self }
    }

    /// Takes in what happened at `now`.
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

    /// The next thing to be done outside.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When what is seen changes by itself.
    #[must_use]
    pub fn deadline(&self, now: Tick) -> Option<Tick> {
        self.link.changes_at(now)
    }

    /// What is being typed.
    #[must_use]
    pub const fn draft(&self) -> &Editor {
        &self.editor
    }

    /// The number that the next entry gets.
    #[must_use]
    pub fn end_of_log(&self) -> u64 {
        self.log.end()
    }

    /// What the clock of the view shows.
    #[must_use]
    pub fn time_of_day(&self, at: Timestamp) -> Time {
        self.local(at).time()
    }

    /// What the last key came to, once.
    pub const fn take_status(&mut self) -> Option<SafeText> {
        self.status.take()
    }

    /// Sends a text; it is pending from now on.
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

    /// Adds an entry of our own.
    fn add(&mut self, at: Timestamp, what: EntryKind) -> u64 {
        self.log.push(Entry { at, skewed: false, what })
    }

    fn note(&mut self, now: Now, line: SafeText) {
        self.add(now.at, EntryKind::Note(vec![line]));
    }
}
