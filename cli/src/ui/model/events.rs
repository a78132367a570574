//! Handling of session events.

use crate::safe;
use std::collections::BTreeSet;

use cmdchat_core::{
    client::{
        Event, Message, Mode, RejectReason, RoomState, RoomWarning, SendError, SendId, Welcome,
    },
    fingerprint::Fingerprint,
    time::Tick,
    untrusted::Untrusted,
};
use jiff::SignedDuration;

use crate::ui::model::{
    ChatMessage, Effect, Entry, EntryKind, Model, NotifyLevel, Now, RosterEntry, ScrollPosition,
};
use crate::{
    secrets,
    text::SafeText,
    ui::{
        mentions::{action, mentions},
        strings,
    },
};

/// Minimum time between two bells.
const BETWEEN_BELLS: std::time::Duration = std::time::Duration::from_secs(2);
/// Clock difference above which a message's time is marked as skewed.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

impl Model {
    pub(super) fn on_event(&mut self, now: Now, event: Event) {
        match event {
            Event::Ready(welcome) => self.welcome(now, welcome),
            Event::Message(message) => {
                let skewed = message.at.is_some_and(|at| now.at.duration_since(at).abs() > SKEW);
                self.message(now, message, skewed, true);
            }
            Event::Rejected(rejected) => {
                let author = self.confusables.show(&rejected.author);
                let inside = match &rejected.why {
                    RejectReason::Forged { claimed, .. } => Some(self.confusables.show(claimed)),
                    RejectReason::BadSignature
                    | RejectReason::Altered
                    | RejectReason::Unreadable
                    | RejectReason::Replayed => None,
                };
                let what = strings::rejection(&rejected.why, &author, inside.as_ref());
                self.add(now.at, EntryKind::Warning(what));
            }
            Event::Joined(raw, online) => {
                let name = self.confusables.show(&raw);
                self.members.push(RosterEntry {
                    own: false,
                    since: Some(now.at),
                    name: name.clone(),
                    raw,
                });
                self.online = online;
                self.add(now.at, EntryKind::Presence { name, came: true, online });
            }
            Event::Left(raw, online) => {
                let name = self.confusables.show(&raw);
                if let Some(at) = self.members.iter().position(|member| member.raw == raw) {
                    self.members.remove(at);
                }
                self.online = online;
                self.add(now.at, EntryKind::Presence { name, came: false, online });
            }
            Event::HistoryCleared(by, doubts) => {
                self.forget();
                self.effects.push_back(Effect::Redraw);
                let by = by.map(|by| self.confusables.show(&by));
                for odd in doubts {
                    let by = by.clone().unwrap_or_default();
                    self.add(now.at, EntryKind::Warning(strings::doubt(odd, &by)));
                }
                let what = match by {
                    Some(by) => safe![by.as_word(), " cleared the history"],
                    None => safe!["the room was wiped"],
                };
                self.note(now, what);
            }
            Event::Notice(text) => {
                let text = SafeText::quote_remote(&text);
                self.note(now, safe!["the host says: ", text]);
            }
            Event::SendFailed(reference, why) => self.give_back(reference, why),
            Event::Unacknowledged(reference) => {
                let late = self.pending.iter_mut().find(|text| text.reference == reference);
                if let Some(text) = late {
                    text.overdue = true;
                    let what = safe!["a message of yours has not come back yet"];
                    self.add(now.at, EntryKind::Warning(what));
                }
            }
            Event::RoomState(state) => self.compare(now, &state),
            Event::RoomWarning(warning) => {
                let name = match &warning {
                    RoomWarning::NotVerified(name)
                    | RoomWarning::AnotherKey { name, .. }
                    | RoomWarning::Author { name, .. } => self.confusables.show(name),
                    RoomWarning::Missed(_)
                    | RoomWarning::NewRun
                    | RoomWarning::OtherPast
                    | RoomWarning::NotWatched => SafeText::default(),
                };
                let what = strings::room_warning(&warning, &name);
                self.add(now.at, EntryKind::Warning(what));
            }
            // The application handles the end of the session.
            Event::Ended(_) => {}
        }
    }

    fn welcome(&mut self, now: Now, welcome: Welcome) {
        self.mode = Some(welcome.mode);
        if self.fingerprint.replace(welcome.fingerprint) != Some(welcome.fingerprint) {
            self.verified = None;
        }
        self.online = welcome.members.len();
        let names: Vec<_> =
            welcome.members.iter().map(|name| self.confusables.show(name)).collect();
        let line = strings::welcome(&welcome, &names);
        let members = welcome.members.into_iter().zip(names).map(|(raw, name)| RosterEntry {
            own: raw.raw() == self.me.as_str(),
            since: None,
            raw,
            name,
        });
        self.members = members.collect();
        for message in self.unheard(welcome.history) {
            self.message(now, message, false, false);
        }
        let line = self.reconnect(now).unwrap_or(line);
        self.note(now, line);
        self.open(now, welcome.mode);
    }

    /// Shows the notices that appear once after joining.
    fn open(&mut self, now: Now, mode: Mode) {
        if std::mem::take(&mut self.notices.weak_passphrase) && mode < Mode::Strict {
            self.add(now.at, EntryKind::Warning(secrets::weak_warning()));
        }
        if std::mem::take(&mut self.notices.show_invite) {
            self.invite(now, "");
        }
        if std::mem::take(&mut self.notices.show_qr) {
            self.invite(now, "qr");
        }
    }

    /// Returns the messages of a history that were not received before the connection
    /// was lost.
    fn unheard(&self, history: Vec<Message>) -> Vec<Message> {
        let entries = (self.log.start()..self.log.end()).filter_map(|at| self.log.get(at));
        let heard: BTreeSet<_> = entries
            .filter_map(|entry| match &entry.what {
                EntryKind::Said(said) => Some((entry.at, said.from.raw(), said.text.raw())),
                EntryKind::Presence { .. } | EntryKind::Note(_) | EntryKind::Warning(_) => None,
            })
            .collect();
        let is_new = |message: &Message| {
            let Message { at: Some(at), text: Some(text), author, .. } = message else {
                return true;
            };
            !heard.contains(&(*at, author.raw(), text.raw()))
        };
        history.into_iter().filter(is_new).collect()
    }

    fn message(&mut self, now: Now, message: Message, skewed: bool, live: bool) {
        let at = message.at.unwrap_or(now.at);
        let author = self.confusables.show(&message.author);
        for doubt in message.doubts {
            self.add(at, EntryKind::Warning(strings::doubt(doubt, &author)));
        }
        let own = message.own.is_some() || message.author.raw() == self.me.as_str();
        if let Some(reference) = message.own {
            self.pending.retain(|text| text.reference != reference);
        }
        let Some(text) = message.text else {
            self.add(at, EntryKind::Warning(strings::unreadable(&author)));
            return;
        };
        let ignored = self.ignores(&message.author);
        let mention = !own && mentions(text.raw(), self.me.as_str());
        let (action, words) = action(text.raw());
        let body = if action {
            SafeText::message(&Untrusted::new(words.to_owned()))
        } else {
            SafeText::message(&text)
        };
        let said = ChatMessage { from: message.author, author, text, body, action, own, mention };
        let number = self.log.push(Entry { at, skewed, what: EntryKind::Said(Box::new(said)) });
        if live && !own && !ignored {
            self.attract(now.tick, number, mention);
        }
    }

    /// Updates the unread markers, and rings the bell, for another member's message.
    fn attract(&mut self, now: Tick, number: u64, mention: bool) {
        let locked = self.locked.is_some();
        let away = locked || self.focus == Some(false) || self.place != ScrollPosition::Bottom;
        if away {
            self.new_from.get_or_insert(number);
        }
        if self.place != ScrollPosition::Bottom {
            self.below += 1;
        }
        let wanted = match self.settings.notify {
            NotifyLevel::Off => false,
            NotifyLevel::Mentions => mention,
            NotifyLevel::All => true,
        };
        let rested =
            self.rung.is_none_or(|rung| now.saturating_duration_since(rung) >= BETWEEN_BELLS);
        if wanted && rested && !locked && self.focus != Some(true) {
            self.rung = Some(now);
            self.effects.push_back(Effect::Bell);
        }
    }

    /// Handles a message that the session could not send.
    fn give_back(&mut self, reference: SendId, why: SendError) {
        let Some(at) = self.pending.iter().position(|text| text.reference == reference) else {
            return;
        };
        let text = self.pending.remove(at).text;
        match why {
            SendError::TooLong => {
                self.editor.restore(text);
                self.status = Some(strings::too_long());
            }
            SendError::Ended => {}
        }
    }

    /// Shows the numbers that members compare, or compares the ones that the user gave.
    fn compare(&mut self, now: Now, state: &RoomState) {
        let roll_call = state.roll_call();
        if let Some(given) = self.compared.take() {
            let what = if roll_call == Some(given) {
                EntryKind::Note(vec![safe!["match: the same room, the same people"]])
            } else if roll_call.is_none() && state.fingerprint() == given {
                EntryKind::Note(vec![safe!["match: you are in the same room"]])
            } else {
                EntryKind::Warning(safe!["MISMATCH: another room, or somebody in between"])
            };
            self.verified = Some(matches!(what, EntryKind::Note(_)));
            self.add(now.at, what);
            return;
        }
        let digits = |number: Fingerprint| SafeText::sanitize(&number.to_string());
        let mut lines = vec![safe!["this room: ", digits(state.fingerprint())]];
        let compare = safe!["compare these digits with the others, by another way than this one;"];
        match (roll_call, state.view) {
            (Some(roll_call), _) => {
                lines.push(safe!["roll call: ", digits(roll_call)]);
                lines.push(compare);
            }
            (None, Some(_)) => {
                lines.push(safe!["no roll call: a member is not verified"]);
            }
            (None, None) => lines.push(compare),
        }
        lines.push(safe!["/verify DIGITS does it for you"]);
        let mode = self.mode.map_or("", cmdchat_core::client::Mode::as_str);
        match (state.view, state.conversation()) {
            (Some((number, _)), Some(conversation)) => {
                lines.push(safe!["conversation up to event ", number, ": ", digits(conversation)]);
                lines.push(safe!["equal for all who were shown the same"]);
            }
            _ => lines.push(safe![mode, ": names and order are vouched for by the host only"]),
        }
        self.add(now.at, EntryKind::Note(lines));
    }

    /// Clears the message log.
    pub fn forget(&mut self) {
        self.log.clear();
        self.find = None;
        self.new_from = None;
        self.go_to(ScrollPosition::Bottom);
    }

    pub(super) fn look(&mut self, has_focus: bool) {
        if !has_focus {
            self.new_from = None;
        }
        self.focus = Some(has_focus);
    }
}
