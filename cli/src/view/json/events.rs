//! From events to objects.

use cmdchat_core::{
    client::{Doubt, Message, Mode, Rejected, Rejection, Standing, Welcome},
    untrusted::Untrusted,
    username::Name,
};

use super::output::{Member, Said, View, Warning, What};
use crate::view::meaning::{action, mentions};

pub(super) fn member(name: &Untrusted) -> Member<'_> {
    Member { name: name.raw() }
}

pub(super) fn ready<'a>(welcome: &'a Welcome, me: &'a Name) -> What<'a> {
    let mut others: Vec<_> = welcome.members.iter().map(member).collect();
    if let Some(own) = others.iter().position(|member| member.name == me.as_str()) {
        others.remove(own);
    }
    What::Ready {
        mode: if welcome.mode == Mode::Strict { "strict" } else { "classic" },
        sealed: welcome.mode > Mode::Open,
        me: Member { name: me.as_str() },
        members: others,
        fingerprint: welcome.fingerprint.to_string(),
        history: welcome.history.len(),
    }
}

/// What is odd about a message, then the message itself.
pub(super) fn said<'a>(message: &'a Message, me: &Name, history: bool) -> Vec<What<'a>> {
    let author = message.author.raw();
    let mut objects: Vec<_> = message.doubts.iter().map(|doubt| doubted(*doubt, author)).collect();
    objects.push(match message.text.as_ref().map(Untrusted::raw) {
        None => warn("unreadable", author),
        Some(text) => {
            let (own, (action, words)) = (message.own.is_some(), action(text));
            let mention = !own && mentions(text, me.as_str());
            let said = Said { from: member(&message.author), text: words, own, history, mention };
            if action { What::Action(said) } else { What::Message(said) }
        }
    });
    objects
}

pub(super) fn doubted(doubt: Doubt, author: &str) -> What<'_> {
    match doubt {
        Doubt::SplitView => warn("split_history", author),
        Doubt::Missing(count) => {
            let gap = Warning { code: "gap", from: Some(author), ..Warning::default() };
            What::Warn(Warning { count: Some(count), ..gap })
        }
        Doubt::Clock => warn("clock", author),
    }
}

pub(super) fn rejected(Rejected { author, why }: &Rejected) -> What<'_> {
    let author = author.raw();
    match why {
        Rejection::Forged(written_by) => {
            let forged = Warning { code: "forged", from: Some(author), ..Warning::default() };
            What::Warn(Warning { written_by: Some(written_by.raw()), ..forged })
        }
        Rejection::Altered => warn("altered", author),
        Rejection::Replayed => warn("duplicate", author),
        Rejection::Unreadable => warn("unreadable", author),
    }
}

fn warn<'a>(code: &'static str, from: &'a str) -> What<'a> {
    What::Warn(Warning { code, from: Some(from), ..Warning::default() })
}

pub(super) fn standing(Standing { view, fingerprint }: &Standing) -> What<'static> {
    let hex = |bytes: [u8; 5]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    What::Standing {
        fingerprint: fingerprint.to_string(),
        view: view.map(|(number, bytes)| View { number, view: hex(bytes) }),
    }
}
