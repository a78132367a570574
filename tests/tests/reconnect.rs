//! Reconnect in the middle of many messages: each message is delivered once and in order,
//! however few bytes the broken connection carried.

use std::{cell::Cell, sync::Arc, time::Duration};

use cmdchat::session::{ChatSession, InputSource, SessionUpdate};
use cmdchat_core::{
    client::{self, CloseReason, Event, Login, Message, PendingMessage, SendId},
    room_kind::RoomKind,
    server::Limits,
    username::Username,
};
use cmdchat_drivers::{
    client::{
        ClientHandle, SessionCommand, connect,
        reconnect::{ConnectFuture, Reconnect},
    },
    runtime::Runtime as _,
    runtime::sim::{DirectionConfig, LinkConfig, Sim},
};
use cmdchat_tests::{PASSWORD, epoch, open, password, seed};

const TEXTS: u64 = 100;

fn guest(name: &str) -> Arc<client::ClientConfig> {
    let name = Username::new(name).expect("a proper name");
    Arc::new(client::ClientConfig::new(name, password(PASSWORD), epoch()))
}

/// Sends a hundred messages from alice to bob over a connection that breaks after `bytes`
/// from alice. Returns the messages bob received and how often alice connected.
fn broken_after(bytes: u64) -> (Vec<String>, u8) {
    let sim = Sim::new();
    let (server, stop) = open(&sim, RoomKind::Classic, Limits::default(), |_| ());
    let (world, calls) = (sim.clone(), Cell::new(0));
    let enter = async |who: &str, link: LinkConfig, unconfirmed: Vec<PendingMessage>| {
        calls.set(calls.get() + 1);
        let connection = world.connect(server, &link).expect("it listens");
        let login =
            Login::new(guest(who), world.now(), Duration::from_secs(30), &seed(calls.get()));
        connect(&world, connection, login.resume(unconfirmed)).await
    };
    let heard = sim.run(async {
        let bob = enter("bob", LinkConfig::default(), Vec::new()).await.expect("bob is let in");
        let breaking = DirectionConfig { cut_after: Some(bytes), ..DirectionConfig::default() };
        let link = LinkConfig { up: breaking, ..LinkConfig::default() };
        let joined = enter("alice", link, Vec::new()).await.expect("and so is alice");
        let dial = |unconfirmed| {
            let again =
                async { Ok(enter("alice", LinkConfig::default(), unconfirmed).await.unwrap()) };
            Box::pin(again) as ConnectFuture<'_, _>
        };
        let regain = Reconnect::new(Duration::from_secs(60), seed(9), dial);
        let (_keys, typed) = async_channel::bounded(1);
        let (_signal, signals) = async_channel::bounded(1);
        let input = (InputSource::Keys, typed);
        let patience = Duration::from_secs(5);
        let mut talk =
            ChatSession::new(sim.clone(), joined, input, signals, patience, Some(regain));
        for number in 0..TEXTS {
            let text = format!("text {number}").into();
            talk.send(SessionCommand::Send(SendId(number), text));
        }
        let (mut back, late) = (0, sim.now().saturating_add(Duration::from_secs(600)));
        while back < TEXTS {
            match talk.next(Some(late)).await {
                SessionUpdate::Event(Event::Message(message)) => {
                    back += u64::from(message.own.is_some())
                }
                SessionUpdate::Event(Event::Ready(welcome)) => {
                    let own = welcome.history.iter().filter(|message| message.own.is_some());
                    back += own.map(|_| 1).sum::<u64>();
                }
                SessionUpdate::Over(how) => panic!("{how:?}"),
                SessionUpdate::Failed(why) => panic!("{why:?}"),
                SessionUpdate::Time => panic!("{back} came back"),
                SessionUpdate::Event(_)
                | SessionUpdate::Typed(_)
                | SessionUpdate::Waiting(_)
                | SessionUpdate::Trying => {}
            }
        }
        talk.close();
        let parting = loop {
            if let SessionUpdate::Over(parting) = talk.next(None).await {
                break parting;
            }
        };
        assert_eq!((parting.reason, parting.undelivered), (CloseReason::LocallyClosed, 0));
        stop.close();
        texts(bob).await
    });
    sim.drop_tasks();
    (heard.expect("no deadlock"), calls.get() - 1)
}

/// Returns all message texts until the session ends.
async fn texts(ClientHandle { commands, events }: ClientHandle) -> Vec<String> {
    let _here = commands;
    let mut texts = Vec::new();
    while let Ok(event) = events.recv().await {
        if let Event::Message(Message { text: Some(text), .. }) = event {
            texts.push(text.raw().to_owned());
        }
    }
    texts
}

#[test]
fn undelivered_messages_are_resent_on_reconnect() {
    let said: Vec<_> = (0..TEXTS).map(|number| format!("text {number}")).collect();
    assert_eq!(broken_after(u64::MAX), (said.clone(), 1));
    for bytes in (3_000..90_000).step_by(4_001) {
        assert_eq!(broken_after(bytes), (said.clone(), 2), "after {bytes} bytes");
    }
}
