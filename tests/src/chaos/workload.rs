//! Runs the clients of a scenario.

use std::{
    io::IoSlice,
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use cmdchat_core::{
    client::{
        ClientConfig, CloseReason, Event, Login, LoginFailure, Message, RoomWarning, SendId,
        Warning, Welcome,
    },
    time::Tick,
    username::Username,
};
use cmdchat_drivers::{
    client::{ClientHandle, SessionCommand, connect},
    runtime::sim::Sim,
    runtime::{
        AbortHandle as _, Connection, ReadHalf as _, ReadOutcome, Runtime as _, WriteHalf as _,
    },
};
use fastrand::Rng;

use super::generator::{Actor, Kind};
use crate::{PASSWORD, epoch, password, seed};

/// Timeout of a client's login.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(90);
/// More than the time for which a server lingers after it has rejected a peer.
const SEEN_OUT: Duration = Duration::from_secs(30);

/// The environment of all clients.
#[derive(Clone)]
pub(super) struct Harness {
    pub(super) sim: Sim,
    pub(super) server: SocketAddr,
    pub(super) login_timeout: Duration,
}

/// The record of one client.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) good: bool,
    pub(super) finishes: bool,
    /// The reason the login failed, if the client tried to log in.
    pub(super) refused: Option<LoginFailure>,
    /// Members and history in the welcome.
    pub(super) welcome: Option<(Vec<String>, Vec<String>)>,
    pub(super) told: Vec<Told>,
    /// Warnings, each with the author of the message.
    pub(super) doubted: Vec<(String, Warning)>,
    pub(super) ended: Option<(CloseReason, usize)>,
    pub(super) worst_delay: Duration,
}

/// An event in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Joined(String),
    Left(String),
    Said(String, String),
    Cleared,
}

impl Harness {
    /// Runs a client; the future returns its record.
    pub(super) fn begin(&self, person: Actor, number: usize) -> impl Future<Output = Record> {
        let (over, record) = async_channel::bounded(1);
        let stage = self.clone();
        self.sim.spawn(async move {
            let _ = over.send(stage.live(person, number).await).await;
        });
        async move { record.recv().await.expect("everybody leaves a record") }
    }

    async fn live(self, mut person: Actor, number: usize) -> Record {
        let mut record = Record {
            name: person.name.clone(),
            kind: person.kind,
            good: person.good,
            finishes: person.finishes,
            refused: None,
            welcome: None,
            told: Vec::new(),
            doubted: Vec::new(),
            ended: None,
            worst_delay: Duration::ZERO,
        };
        self.sim.sleep_until(person.comes).await;
        let connection = self.sim.connect(self.server, &person.link).expect("the server listens");
        if person.kind == Kind::Stranger {
            self.bother(connection, &person.name, &mut person.dice).await;
            return record;
        }
        match connect(&self.sim, connection, self.login(&person, number)).await {
            Ok(joined) => self.stay(joined, person, number, record).await,
            Err(refused) => {
                record.refused = Some(refused.reason);
                record
            }
        }
    }

    fn login(&self, person: &Actor, number: usize) -> Login {
        /// All rooms have the same salt, so each password is stretched once for all runs.
        static KNOWS: LazyLock<ClientConfig> = LazyLock::new(|| somebody(PASSWORD));
        static GUESSES: LazyLock<ClientConfig> = LazyLock::new(|| somebody("guess"));
        let name = Username::new(&person.name).expect("all have proper names");
        let guest =
            if person.kind == Kind::Guesser { &GUESSES } else { &KNOWS }.with_username(name);
        let guest = Arc::new(if person.old { guest.v1_only() } else { guest });
        Login::new(guest, self.sim.now(), LOGIN_TIMEOUT, &seed(2).fork("chaos", number as u64))
    }

    /// Runs a member's session from the first event to the last.
    async fn stay(
        self,
        joined: ClientHandle,
        mut person: Actor,
        number: usize,
        record: Record,
    ) -> Record {
        let ClientHandle { commands, events } = joined;
        let said = Arc::new(Mutex::new(Vec::new()));
        let way = person.link.up.latency + person.link.down.latency;
        let naps = (person.kind == Kind::Sleeper).then(|| person.dice.fork());
        let listener = Listener { stage: self.clone(), said: Arc::clone(&said), way, naps, record };
        let (over, heard) = async_channel::bounded(1);
        self.sim.spawn(async move {
            let _ = over.send(listener.listen(events).await).await;
        });
        let talk = Talk { stage: self, commands, said, number };
        talk.talk(&mut person).await;
        heard.recv().await.expect("a session ends with an event")
    }

    async fn pause(&self, time: Duration) {
        self.sim.sleep_until(self.sim.now().saturating_add(time)).await;
    }

    /// Sends arbitrary bytes. Such a client learns nothing and is disconnected in time.
    async fn bother(&self, connection: Connection<Sim>, name: &str, dice: &mut Rng) {
        let Connection { mut reader, mut writer, abort, .. } = connection;
        let begun = self.sim.now();
        let hello =
            format!("{{\"cmd\":\"srp_init\",\"username\":\"{name}\",\"A\":\"AgICAg==\"}}\n");
        let words = match dice.u8(0..6) {
            0 => String::new(),
            1 => hello,
            2 => format!("{hello}{{\"cmd\":\"srp_verify\",\"user_id\":\"\",\"M\":\"AAAA\"}}\n"),
            3 => format!("{hello}{{\"type\":\"message\",\"text\":\"gAAAAAB=\"}}\n"),
            4 => "x".repeat(dice.usize(0..20_000)),
            _ => (0..dice.usize(0..300)).map(|_| char::from(dice.u8(..))).collect(),
        };
        let patience = self.sim.now().saturating_add(Duration::from_secs(dice.u64(0..120)));
        let mut rest = words.as_bytes();
        while !rest.is_empty() {
            match writer.write(&[IoSlice::new(rest)], Some(patience)).await {
                Ok(count) => rest = &rest[count..],
                Err(_) => break,
            }
        }
        if dice.bool() {
            writer.finish();
        }
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        let ended = loop {
            match reader.read(&mut buffer, Some(patience)).await {
                Ok(ReadOutcome::Data(count)) => heard.extend_from_slice(&buffer[..count]),
                Ok(ReadOutcome::TimedOut) => break false,
                Ok(ReadOutcome::Eof) | Err(_) => break true,
            }
        };
        let heard = String::from_utf8_lossy(&heard);
        assert!(
            !heard.contains("\"type\"") && !heard.contains("gAAAA"),
            "told a stranger: {heard}"
        );
        let longest = self.login_timeout + SEEN_OUT;
        let waited = self.sim.now().saturating_duration_since(begun);
        assert!(ended || waited < longest, "a stranger still there after {waited:?}");
        abort.abort();
    }
}

fn somebody(word: &str) -> ClientConfig {
    ClientConfig::new(Username::new("somebody").expect("a name"), password(word), epoch())
}

/// Messages that were sent and have no echo yet: id and time of sending.
type Said = Arc<Mutex<Vec<(SendId, Tick)>>>;

/// The sending half of a member.
struct Talk {
    stage: Harness,
    commands: async_channel::Sender<SessionCommand>,
    said: Said,
    number: usize,
}

impl Talk {
    async fn talk(self, person: &mut Actor) {
        let Actor { kind, patience, finishes, dice, .. } = person;
        if *kind == Kind::Witness {
            self.commands.closed().await;
            return;
        }
        let (mut count, mut cleared) = (0, false);
        for _ in 0..dice.usize(0..12) {
            self.stage.pause(patience.mul_f64(dice.f64())).await;
            let words = if *kind == Kind::Flooder { dice.usize(30..150) } else { 1 };
            for _ in 0..words {
                count += 1;
                self.say(count, dice).await;
            }
            // A second clear request within a short time would be ignored.
            if !cleared && dice.u8(0..20) == 0 {
                cleared = true;
                let _ = self.commands.send(SessionCommand::ClearHistory).await;
            }
        }
        if *finishes {
            let _ = self.commands.send(SessionCommand::Drain(Duration::from_secs(600))).await;
            self.commands.closed().await;
        } else if dice.bool() {
            let _ = self.commands.send(SessionCommand::Close).await;
        } // else the commands are dropped
    }

    async fn say(&self, count: u64, dice: &mut Rng) {
        // Each text is unique in a run, so that repetitions and gaps are detected.
        let mut text = format!("{}.{count} ", self.number);
        let more = match dice.u8(..) {
            0 => 20_000,
            1..8 => dice.usize(0..16_000),
            _ => dice.usize(0..200),
        };
        text.extend(std::iter::repeat_n('é', more / 2));
        let reference = SendId(count);
        let now = self.stage.sim.now();
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push((reference, now));
        let _ = self.commands.send(SessionCommand::Send(reference, text.into())).await;
    }
}

/// The receiving half of a member.
struct Listener {
    stage: Harness,
    said: Said,
    /// Round-trip latency.
    way: Duration,
    /// Random numbers of a client that stops reading at times.
    naps: Option<Rng>,
    record: Record,
}

impl Listener {
    async fn listen(mut self, events: async_channel::Receiver<Event>) -> Record {
        while let Ok(event) = events.recv().await {
            self.note(event);
            if let Some(dice) = &mut self.naps
                && dice.u8(0..20) == 0
            {
                let nap = Duration::from_secs(dice.u64(1..2_000));
                self.stage.pause(nap).await;
            }
        }
        self.record
    }

    fn note(&mut self, event: Event) {
        let raw = |name: &cmdchat_core::untrusted::Untrusted| name.raw().to_owned();
        match event {
            Event::Ready(Welcome { members, history, .. }) => {
                let history = history.iter().map(text).collect();
                self.record.welcome = Some((members.iter().map(raw).collect(), history));
            }
            Event::Message(message) => {
                let doubts = message.doubts.iter().map(|doubt| (raw(&message.author), *doubt));
                self.record.doubted.extend(doubts);
                self.echo(message.own);
                self.record.told.push(Told::Said(raw(&message.author), text(&message)));
            }
            Event::Joined(name, _) => self.record.told.push(Told::Joined(raw(&name))),
            Event::Left(name, _) => self.record.told.push(Told::Left(raw(&name))),
            Event::HistoryCleared(..) => self.record.told.push(Told::Cleared),
            Event::SendFailed(reference, _) => {
                self.answered(reference);
            }
            Event::Ended(end) => {
                self.record.ended = Some((end.reason, end.unconfirmed.len()));
            }
            Event::Rejected(rejected) => panic!("a false warning: {rejected:?}"),
            Event::Notice(_) | Event::Unacknowledged(_) | Event::RoomState(_) => {}
            // Names are used again by other people, and who comes back has missed something.
            Event::RoomWarning(RoomWarning::AnotherKey { .. } | RoomWarning::Missed(_)) => {}
            Event::RoomWarning(warning) => panic!("{}: {warning:?}", self.record.name),
        }
    }

    fn echo(&mut self, own: Option<SendId>) {
        if let Some(said_at) = own.and_then(|reference| self.answered(reference)) {
            // A text that is sent at once after the login waits for the introduction too, in a
            // strict room.
            let took = self.stage.sim.now().saturating_duration_since(said_at);
            let took = took.saturating_sub(self.way * 2);
            self.record.worst_delay = self.record.worst_delay.max(took);
        }
    }

    /// Returns the time at which this message was sent.
    fn answered(&self, reference: SendId) -> Option<Tick> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let at = said.iter().position(|(number, _)| *number == reference)?;
        Some(said.swap_remove(at).1)
    }
}

fn text(message: &Message) -> String {
    message.text.as_ref().expect("all have the same key").raw().to_owned()
}
