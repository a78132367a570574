//! Renders a room in which one hostile member controls everything, in both terminal
//! views.

use cmdchat_core::{
    client::{Event, Message, Mode, RejectReason, RejectedMessage, Warning, Welcome},
    crypto::srp::Salt,
    fingerprint::RoomHash,
    room_kind::RoomKind,
    strict_room::member_key::KeyId,
    time::Tick,
    untrusted::Untrusted,
    username::Username,
};
use jiff::{Timestamp, tz::TimeZone};
use zeroize::Zeroizing;

use crate::{
    text::SafeText,
    ui::{
        layout::Size,
        model::{Model, Msg, Now, Settings},
        plain,
        terminal::{self, Painter},
        theme::Theme,
    },
};

/// Returns the output of the full screen for all frames, with and without the member
/// list.
pub(super) fn full(name: &Untrusted, text: &Untrusted) -> Vec<u8> {
    let mut bytes = Vec::new();
    for size in [Size { columns: 90, rows: 10 }, Size { columns: 24, rows: 6 }] {
        let Some(mut model) = room(name) else { continue };
        update(&mut model, Msg::Resized(size));
        let mut painter = Painter::blank(size);
        for input in inputs(name, text) {
            update(&mut model, input);
            let look = Theme { colours: true, ascii: false };
            let drawn = crate::ui::render::draw(&model, look, Tick::ZERO, size);
            let _ = painter.paint(&mut bytes, drawn);
        }
    }
    bytes
}

/// Returns the output of the plain view, including the draft.
pub(super) fn plain(name: &Untrusted, text: &Untrusted) -> Vec<u8> {
    let Some(mut model) = room(name) else { return Vec::new() };
    let (mut bytes, mut printed) = (Vec::new(), 0);
    for input in inputs(name, text) {
        update(&mut model, input);
        let lines = plain::lines(&model, printed);
        printed = model.end_of_log();
        bytes.extend(terminal::frame(&lines, Some((model.draft(), 80)), false));
    }
    bytes
}

fn room(name: &Untrusted) -> Option<Model> {
    let me = Username::new("alice").ok()?;
    let address = SafeText::sanitize(name.raw());
    Some(Model::new(address, me, TimeZone::UTC, Settings::default()))
}

fn update(model: &mut Model, input: Msg) {
    model.update(Now { tick: Tick::ZERO, at: Timestamp::UNIX_EPOCH }, input);
}

/// Returns every kind of model input, all of them caused by the member `name`.
fn inputs(name: &Untrusted, text: &Untrusted) -> Vec<Msg> {
    let message = || Message {
        author: name.clone(),
        sender: None,
        id: None,
        text: Some(text.clone()),
        at: None,
        own: None,
        doubts: vec![Warning::Missing(2), Warning::Clock, Warning::SplitView],
    };
    let welcome = Welcome {
        mode: Mode::Strict,
        fingerprint: RoomHash::new(RoomKind::Strict, &[1; 16], &Salt::from([2; 16])).fingerprint(),
        members: vec![name.clone(), Untrusted::new("alice".to_owned())],
        history: vec![message()],
    };
    let forged = RejectReason::Forged { claimed: text.clone(), id: KeyId::from([1; 16]) };
    let heard = [
        Event::Ready(welcome),
        Event::Joined(text.clone(), 3),
        Event::Message(message()),
        Event::Rejected(RejectedMessage { author: name.clone(), why: forged }),
        Event::Notice(text.clone()),
        Event::Left(text.clone(), 2),
        Event::HistoryCleared(Some(name.clone()), vec![Warning::SplitView]),
    ];
    let typed = [
        Msg::Paste(Zeroizing::new(text.raw().to_owned())),
        Msg::Line(Zeroizing::new(format!("/show {}", text.raw()))),
        Msg::Line(Zeroizing::new(format!("/ignore {}", name.raw()))),
        Msg::Line(Zeroizing::new("/who".to_owned())),
    ];
    heard.into_iter().map(Msg::Heard).chain(typed).collect()
}
