//! `cmdchat connect`: a room, and somebody in it, be it a person or a program.

use std::{
    cell::Cell,
    sync::{Arc, atomic::Ordering},
};

use cmdchat_core::{client::Guest, name::Name, secret::Password};
use cmdchat_drivers::contract::Sockets;
use jiff::tz::TimeZone;

use super::{
    entry::{self, enter, parted},
    epoch,
    errand::Errand,
    internal, seed,
    signals::interrupt_on_signals,
};
use crate::{
    args::{Again, Connect, Looks, Way},
    exit::{Exit, Failure},
    secrets,
    text::Shown,
    view::{
        chat::{Chat, Regain},
        json::{Feed, Writer},
        keyboard,
        model::Model,
        talk::Talk,
        terminal::Terminal,
    },
};

pub(super) fn run(mut command: Connect, again: &Again) -> Result<Exit, Failure> {
    if command.json {
        let mut out = Writer::open();
        let outcome = chat(&mut command, again, Some(&mut out));
        out.close(&outcome);
        return outcome;
    }
    chat(&mut command, again, None)
}

fn chat(command: &mut Connect, again: &Again, json: Option<&mut Writer>) -> Result<Exit, Failure> {
    let password = secrets::password(command.take_secret(), again)?;
    let name = entry::name(&command.way.username)?;
    command.way.runtime.carry(Visit {
        way: &command.way,
        looks: &command.looks,
        name,
        password,
        json,
    })
}

struct Visit<'a> {
    way: &'a Way,
    looks: &'a Looks,
    name: Name,
    password: Password,
    /// Where events go as objects, if a program is to read them.
    json: Option<&'a mut Writer>,
}

impl Errand for Visit<'_> {
    fn run<R: Sockets>(mut self, runtime: &R) -> Result<Exit, Failure> {
        let way = self.way;
        let (typing, typed) = async_channel::bounded(16);
        let (inside, signals) = interrupt_on_signals()?;
        let seed = seed()?;
        runtime.run(async {
            if let Some(out) = &mut self.json {
                out.connecting(way.host.as_str(), way.port);
            }
            let name = self.name.clone();
            let guest = Arc::new(Guest::new(self.name, self.password, epoch(runtime.now())));
            let logins = Cell::new(0);
            let enter = async |unconfirmed| {
                let login = seed.fork("login", logins.replace(logins.get() + 1));
                enter(runtime, way, Arc::clone(&guest), &login, unconfirmed).await
            };
            let joined = enter(Vec::new()).await?;
            inside.store(true, Ordering::Relaxed);

            let listen = |live| {
                keyboard::listen(live, typing)
                    .map_err(|error| internal("cannot start a thread", &error))
            };
            let parting = if let Some(out) = self.json {
                listen(false)?;
                Feed::new(out, name, Talk::new(joined, way.timeout, signals, typed)).run().await
            } else {
                let terminal = Terminal::enter(self.looks.plain)?;
                listen(terminal.is_live())?;
                let (settings, look) = self.looks.choose();
                let model = Model::new(address(way), name, TimeZone::system(), settings);
                let regain = Regain {
                    patience: self.looks.reconnect_for(),
                    seed: seed.fork("waits", 0),
                    dial: Box::new(|unconfirmed| Box::pin(enter(unconfirmed))),
                };
                let chat = Chat::new(runtime.clone(), model, look, terminal, way.timeout, regain);
                chat.run(joined, &signals, &typed).await?
            };
            parted(way, parting)
        })
    }
}

/// Where the room is, as people write it.
fn address(way: &Way) -> Shown {
    let host = Shown::one_line(way.host.as_str());
    let (open, close) = if way.host.as_str().contains(':') { ("[", "]") } else { ("", "") };
    Shown::line(&[&open, &host, &close, &":", &way.port])
}
