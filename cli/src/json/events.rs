//! Conversion of session events into JSON objects.

use cmdchat_core::{
    client::{Message, Mode, RejectReason, RejectedMessage, RoomState, Warning, Welcome},
    untrusted::Untrusted,
    username::Username,
};

use crate::json::output::{JsonChainHead, JsonEvent, JsonMember, JsonMessage, JsonWarning};
use crate::ui::mentions::{action, mentions};

pub(super) fn member(name: &Untrusted) -> JsonMember<'_> {
    JsonMember { name: name.raw() }
}

pub(super) fn ready<'a>(welcome: &'a Welcome, me: &'a Username) -> JsonEvent<'a> {
    let mut others: Vec<_> = welcome.members.iter().map(member).collect();
    if let Some(own) = others.iter().position(|member| member.name == me.as_str()) {
        others.remove(own);
    }
    JsonEvent::Ready {
        mode: if welcome.mode == Mode::Strict { "strict" } else { "classic" },
        sealed: welcome.mode > Mode::Plaintext,
        me: JsonMember { name: me.as_str() },
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
            let said =
                JsonMessage { from: member(&message.author), text: words, own, history, mention };
            if action { JsonEvent::Action(said) } else { JsonEvent::Message(said) }
        }
    });
    objects
}

pub(super) fn doubted(doubt: Warning, author: &str) -> JsonEvent<'_> {
    match doubt {
        Warning::SplitView => warn("split_history", author),
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
        RejectReason::Forged(written_by) => {
            let forged =
                JsonWarning { code: "forged", from: Some(author), ..JsonWarning::default() };
            JsonEvent::Warn(JsonWarning { written_by: Some(written_by.raw()), ..forged })
        }
        RejectReason::Altered => warn("altered", author),
        RejectReason::Replayed => warn("duplicate", author),
        RejectReason::Unreadable => warn("unreadable", author),
    }
}

fn warn<'a>(code: &'static str, from: &'a str) -> JsonEvent<'a> {
    JsonEvent::Warn(JsonWarning { code, from: Some(from), ..JsonWarning::default() })
}

pub(super) fn standing(RoomState { view, fingerprint }: &RoomState) -> JsonEvent<'static> {
    let hex = |bytes: [u8; 5]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    JsonEvent::RoomState {
        fingerprint: fingerprint.to_string(),
        view: view.map(|(number, bytes)| JsonChainHead { number, view: hex(bytes) }),
    }
}
