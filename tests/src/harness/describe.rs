//! Descriptions of events for transcripts.

use cmdchat_core::{
    client::{
        Event, Message, RejectReason, RejectedMessage, RoomWarning, SessionEnd, Warning, Welcome,
    },
    server::{LeaveReason, RoomOutput},
};
use cmdchat_drivers::server::ServerEvent;

pub(super) fn describe_note(note: &ServerEvent) -> String {
    match note {
        ServerEvent::Room(RoomOutput::Joined(name, present)) => {
            format!("* {name} joined ({present} present)")
        }
        ServerEvent::Room(RoomOutput::Left(name, how, present)) => {
            let how = match how {
                LeaveReason::Closed => "left".to_owned(),
                LeaveReason::ConnectionLost => "was lost".to_owned(),
                LeaveReason::TimedOut => "was silent".to_owned(),
                LeaveReason::SlowConsumer => "was dropped, too slow".to_owned(),
                LeaveReason::ProtocolError(violation) => format!("was dropped, {violation}"),
            };
            format!("* {name} {how} ({present} present)")
        }
        ServerEvent::Room(RoomOutput::HistoryCleared(name)) => {
            format!("* {name} cleared the history")
        }
        ServerEvent::Room(RoomOutput::Attach(..) | RoomOutput::Disconnect(_)) => "* ?".to_owned(),
        ServerEvent::LoginRejected(address, violation) => {
            format!("* refused {address}: {violation}")
        }
        ServerEvent::AcceptFailed(error) => format!("* not accepted: {error}"),
    }
}

/// Describes a client event in one line.
#[must_use]
pub fn describe_event(event: &Event) -> String {
    match event {
        Event::Ready(Welcome { mode, members, history, .. }) => {
            let names: Vec<_> = members.iter().map(|name| name.raw()).collect();
            let said: Vec<_> = history.iter().map(describe_message).collect();
            format!("ready ({}), with {names:?}; before: [{}]", mode.as_str(), said.join(", "))
        }
        Event::Message(message) => describe_message(message),
        Event::Rejected(RejectedMessage { author, why }) => {
            let why = match why {
                RejectReason::Forged { claimed, .. } => {
                    format!("forged, {:?} inside", claimed.raw())
                }
                RejectReason::BadSignature => "signed without its key".to_owned(),
                RejectReason::Altered => "altered".to_owned(),
                RejectReason::Replayed => "replayed".to_owned(),
                RejectReason::Unreadable => "unreadable".to_owned(),
            };
            format!("rejected from {:?}: {why}", author.raw())
        }
        Event::Joined(name, present) => format!("{:?} joined ({present})", name.raw()),
        Event::Left(name, present) => format!("{:?} left ({present})", name.raw()),
        Event::HistoryCleared(by, doubts) => {
            let by = by.as_ref().map_or(String::new(), |by| format!(" by {:?}", by.raw()));
            format!("cleared{by}{}", describe_doubts(doubts))
        }
        Event::Notice(text) => format!("notice {:?}", text.raw()),
        Event::SendFailed(reference, why) => format!("not sent: {} {why:?}", reference.0),
        Event::Unacknowledged(reference) => format!("overdue: {}", reference.0),
        Event::RoomState(state) => {
            let event = state.view.map_or("none".to_owned(), |(n, view)| format!("{n}, {view}"));
            let members = state.members.as_ref().map(Vec::len);
            format!("room {}; event {event}; verified {members:?}", state.fingerprint())
        }
        Event::RoomWarning(warning) => describe_warning(warning),
        Event::Ended(SessionEnd { reason, unconfirmed }) => {
            format!("ended: {reason:?} ({} undelivered)", unconfirmed.len())
        }
    }
}

fn describe_warning(warning: &RoomWarning) -> String {
    match warning {
        RoomWarning::NotVerified(name) => format!("!! {:?} is not verified", name.raw()),
        RoomWarning::AnotherKey { name, .. } => format!("!! {:?} has another key", name.raw()),
        RoomWarning::Author { name, warning } => format!("!! {}: {warning:?}", name.raw()),
        RoomWarning::Missed(count) => format!("!! missed {count}"),
        RoomWarning::NewRun => "!! new run".to_owned(),
        RoomWarning::OtherPast => "!! other past".to_owned(),
        RoomWarning::NotWatched => "!! no longer watched".to_owned(),
    }
}

fn describe_message(message: &Message) -> String {
    let text = message.text.as_ref().map_or("(unreadable)".to_owned(), |text| {
        if text.raw().len() > 100 {
            format!("({} bytes)", text.raw().len())
        } else {
            format!("{:?}", text.raw())
        }
    });
    let own = message.own.map_or(String::new(), |reference| format!(" (own {})", reference.0));
    let doubts = describe_doubts(&message.doubts);
    format!("{} says {text}{own}{doubts}", message.author.raw())
}

fn describe_doubts(doubts: &[Warning]) -> String {
    doubts.iter().map(|doubt| format!(" !! {doubt:?}")).collect()
}
