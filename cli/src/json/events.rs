//! Conversion of session events into JSON objects.

use cmdchat_core::{
    client::{
        Message, Mode, RejectReason, RejectedMessage, RoomState, RoomWarning, Warning, Welcome,
    },
    untrusted::Untrusted,
    username::Username,
};

use crate::json::output::{JsonEvent, JsonMember, JsonMessage, JsonWarning};
use crate::ui::mentions::{action, mentions};

/// Length of a tag in characters.
const TAG: usize = 4;

pub(super) fn member(name: &Untrusted) -> JsonMember<'_> {
    JsonMember { name: name.raw(), ..JsonMember::default() }
}

/// Returns the author of a message, with its key in a strict room.
fn author(message: &Message) -> JsonMember<'_> {
    let key = message.sender.as_ref();
    JsonMember {
        name: message.author.raw(),
        id: key.map(|key| key.id.to_string()),
        tag: key.map(|key| key.id.tag(TAG)),
        verified: key.map(|key| key.is_verified && !key.has_other_key),
    }
}

pub(super) fn ready<'a>(welcome: &'a Welcome, me: &'a Username) -> JsonEvent<'a> {
    let mut others: Vec<_> = welcome.members.iter().map(member).collect();
    if let Some(own) = others.iter().position(|member| member.name == me.as_str()) {
        others.remove(own);
    }
    JsonEvent::Ready {
        mode: if welcome.mode == Mode::Strict { "strict" } else { "classic" },
        sealed: welcome.mode > Mode::Plaintext,
        me: JsonMember { name: me.as_str(), ..JsonMember::default() },
        members: others,
        fingerprint: welcome.fingerprint.to_string(),
        history: welcome.history.len(),
    }
}

/// Returns the warnings about a message, followed by the message itself.
pub(super) fn said<'a>(message: &'a Message, me: &Username, history: bool) -> Vec<JsonEvent<'a>> {
    let author = message.author.raw();
    let mut objects: Vec<_> = message.doubts.iter().map(|doubt| doubted(*doubt, author)).collect();
    objects.push(match message.text.as_ref().map(Untrusted::raw) {
        None => warn("unreadable", author),
        Some(text) => {
            let (own, (action, words)) = (message.own.is_some(), action(text));
            let mention = !own && mentions(text, me.as_str());
            let id = message.id.as_ref().map(Untrusted::raw);
            let from = self::author(message);
            let said = JsonMessage { id, from, text: words, own, history, mention };
            if action { JsonEvent::Action(said) } else { JsonEvent::Message(said) }
        }
    });
    objects
}

pub(super) fn doubted(doubt: Warning, author: &str) -> JsonEvent<'_> {
    match doubt {
        Warning::SplitView | Warning::SplitViews => warn("split_history", author),
        Warning::Missing(count) => {
            let gap = JsonWarning { code: "gap", from: Some(author), ..JsonWarning::default() };
            JsonEvent::Warn(JsonWarning { count: Some(count), ..gap })
        }
        Warning::Clock => warn("clock", author),
    }
}

pub(super) fn rejected(RejectedMessage { author, why }: &RejectedMessage) -> JsonEvent<'_> {
    let author = author.raw();
    match why {
        RejectReason::Forged { claimed, .. } => {
            let forged =
                JsonWarning { code: "forged", from: Some(author), ..JsonWarning::default() };
            JsonEvent::Warn(JsonWarning { written_by: Some(claimed.raw()), ..forged })
        }
        RejectReason::BadSignature => warn("bad_signature", author),
        RejectReason::Altered => warn("altered", author),
        RejectReason::Replayed => warn("duplicate", author),
        RejectReason::Unreadable => warn("unreadable", author),
    }
}

fn warn<'a>(code: &'static str, from: &'a str) -> JsonEvent<'a> {
    JsonEvent::Warn(JsonWarning { code, from: Some(from), ..JsonWarning::default() })
}

/// Returns the warning about a strict room.
pub(super) fn room_warning(warning: &RoomWarning) -> JsonEvent<'_> {
    let about = |code| JsonWarning { code, ..JsonWarning::default() };
    match warning {
        RoomWarning::NotVerified(name) => warn("not_verified", name.raw()),
        RoomWarning::AnotherKey { name, .. } => warn("another_key", name.raw()),
        RoomWarning::Author { name, warning } => doubted(*warning, name.raw()),
        RoomWarning::Missed(count) => {
            JsonEvent::Warn(JsonWarning { count: Some(*count), ..about("missed") })
        }
        RoomWarning::NewRun => JsonEvent::Warn(about("new_run")),
        RoomWarning::OtherPast => JsonEvent::Warn(about("other_past")),
        RoomWarning::NotWatched => JsonEvent::Warn(about("not_watched")),
    }
}

/// Returns the numbers that members compare. Slow in a strict room.
pub(super) fn room_state(state: &RoomState) -> JsonEvent<'static> {
    JsonEvent::RoomState {
        fingerprint: state.fingerprint().to_string(),
        roll_call: state.roll_call().map(|digits| digits.to_string()),
        conversation: state.conversation().map(|digits| digits.to_string()),
        number: state.view.map(|(number, _)| number),
    }
}
