//! Test servers and clients of every implementation over real sockets, and one conversation
//! for all of them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use cmdchat_core::{
    client::{self, Event, Login, Message, SendId, Welcome},
    server::{Credentials, Limits},
    time::Epoch,
    username::Username,
};
use cmdchat_drivers::{
    client::{ClientHandle, SessionCommand, connect},
    runtime::TcpRuntime,
    runtime::blocking::Blocking,
    runtime::smol::Smol,
    runtime::tcp,
    server::{ServerConfig, serve},
};
use serde_json::{Value, json};

use crate::{PASSWORD, Python, PythonPeer, password, python::PATIENCE, seed};

/// The implementation that a peer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This implementation on smol.
    Smol,
    /// This implementation on blocking threads.
    Blocking,
    /// The Python reference peer.
    Python,
}

/// A server of any implementation, on its own port. It stops when the value is dropped.
pub struct TestHost {
    /// The port on 127.0.0.1.
    pub port: u16,
    _stop: Option<async_channel::Sender<()>>,
    _python: Option<PythonPeer>,
}

impl TestHost {
    /// Starts a server with [`PASSWORD`].
    ///
    /// # Panics
    ///
    /// Panics if the server does not start.
    #[must_use]
    pub fn start(kind: Kind, limits: Limits) -> Self {
        match kind {
            Kind::Smol => Self::ours(Smol::new(), limits),
            Kind::Blocking => Self::ours(Blocking::new(), limits),
            Kind::Python => {
                let (python, port) =
                    Python::get().expect("asked for only where it is").serve(PASSWORD);
                Self { port, _stop: None, _python: Some(python) }
            }
        }
    }

    fn ours<R: TcpRuntime>(runtime: R, limits: Limits) -> Self {
        let socket = tcp::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let port = socket.local_addr().expect("it is bound").port();
        let (stop, stopped) = async_channel::bounded(1);
        let server = ServerConfig {
            credentials: Credentials::classic(&password(PASSWORD), &seed(1)),
            limits,
            epoch: Epoch::new(jiff::Timestamp::UNIX_EPOCH),
            seed: seed(1),
        };
        thread::spawn(move || {
            let listener = runtime.listen(socket).expect("a listening socket");
            runtime.block_on(serve(runtime.clone(), listener, server, |_| (), stopped));
        });
        Self { port, _stop: Some(stop), _python: None }
    }
}

/// A client in the room.
pub enum Peer {
    /// A client of this implementation.
    Ours(TestClient),
    /// The Python reference peer.
    Python(PythonPeer),
}

/// A client of this implementation that delivers its events to a plain thread.
pub struct TestClient {
    commands: async_channel::Sender<SessionCommand>,
    events: Receiver<Event>,
    said: u64,
}

/// An event at a client, in a form that all implementations share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The client is in the room, with these members (sorted) and this history.
    Ready(Vec<String>, Vec<(String, String)>),
    /// A message: author and text.
    Said(String, String),
    /// A member joined.
    Joined(String),
    /// A member left.
    Left(String),
    /// The history was cleared.
    Cleared,
    /// The end of the session, or any other event.
    Other(String),
}

impl Peer {
    /// Logs in at `port` of 127.0.0.1 with [`PASSWORD`].
    ///
    /// # Panics
    ///
    /// Panics if the login fails.
    #[must_use]
    pub fn join(kind: Kind, port: u16, name: &str) -> Self {
        match kind {
            Kind::Smol => Self::Ours(TestClient::join(&running_smol(), port, name)),
            Kind::Blocking => Self::Ours(TestClient::join(&Blocking::new(), port, name)),
            Kind::Python => Self::Python(
                Python::get().expect("asked for only where it is").connect(port, name, PASSWORD),
            ),
        }
    }

    /// Sends `text` to the room.
    pub fn say(&mut self, text: &str) {
        match self {
            Self::Ours(friend) => {
                let reference = SendId(friend.said);
                friend.said += 1;
                friend.command(SessionCommand::Send(reference, text.to_owned().into()));
            }
            Self::Python(peer) => peer.command(&json!({ "say": text })),
        }
    }

    /// Clears the history.
    pub fn clear(&mut self) {
        match self {
            Self::Ours(friend) => friend.command(SessionCommand::ClearHistory),
            Self::Python(peer) => peer.command(&json!({ "clear": true })),
        }
    }

    /// Closes the session.
    pub fn leave(&mut self) {
        match self {
            Self::Ours(friend) => friend.command(SessionCommand::Close),
            Self::Python(peer) => peer.command(&json!({ "quit": true })),
        }
    }

    /// Returns the next event.
    ///
    /// # Panics
    ///
    /// Panics if no event arrives.
    #[must_use]
    pub fn sees(&mut self) -> Observed {
        match self {
            Self::Ours(friend) => {
                let event = friend.events.recv_timeout(PATIENCE).expect("something happens");
                seen_by_ours(event)
            }
            Self::Python(peer) => seen_by_python(&peer.says()),
        }
    }
}

impl TestClient {
    fn join<R: TcpRuntime>(runtime: &R, port: u16, name: &str) -> Self {
        let joined = runtime.block_on(async {
            let deadline = runtime.now().saturating_add(PATIENCE);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let connection = runtime.dial(&[address], deadline).await.expect("somebody listens");
            let name = Username::new(name).expect("a proper name");
            let epoch = Epoch::new(jiff::Timestamp::UNIX_EPOCH);
            let guest = Arc::new(client::ClientConfig::new(name, password(PASSWORD), epoch));
            let login = Login::new(guest, runtime.now(), PATIENCE, &seed(3));
            connect(runtime, connection, login).await
        });
        let ClientHandle { commands, events } =
            joined.unwrap_or_else(|failed| panic!("{name}: {failed:?}"));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            while let Ok(event) = events.recv_blocking() {
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self { commands, events: receiver, said: 0 }
    }

    fn command(&self, command: SessionCommand) {
        self.commands.send_blocking(command).expect("the session is there");
    }
}

/// Returns the executor shared by all clients on smol, which runs on its own thread.
fn running_smol() -> Smol {
    static SMOL: std::sync::OnceLock<Smol> = std::sync::OnceLock::new();
    let start = || {
        let smol = Smol::new();
        let running = smol.clone();
        thread::spawn(move || running.block_on(futures_lite::future::pending::<()>()));
        smol
    };
    SMOL.get_or_init(start).clone()
}

fn seen_by_ours(event: Event) -> Observed {
    let said = |message: &Message| {
        let text = message.text.as_ref().map_or("(unreadable)", |text| text.raw());
        (message.author.raw().to_owned(), text.to_owned())
    };
    match event {
        Event::Ready(Welcome { members, history, .. }) => Observed::Ready(
            sorted(members.iter().map(|name| name.raw().to_owned())),
            history.iter().map(said).collect(),
        ),
        Event::Message(message) => {
            let (author, text) = said(&message);
            Observed::Said(author, text)
        }
        Event::Joined(name, _) => Observed::Joined(name.raw().to_owned()),
        Event::Left(name, _) => Observed::Left(name.raw().to_owned()),
        Event::HistoryCleared(..) => Observed::Cleared,
        other @ (Event::Rejected(_)
        | Event::Notice(_)
        | Event::SendFailed(..)
        | Event::Unacknowledged(_)
        | Event::RoomWarning(_)
        | Event::RoomState(_)
        | Event::Ended(_)) => Observed::Other(format!("{other:?}")),
    }
}

fn seen_by_python(event: &Value) -> Observed {
    let text = |object: &Value, key: &str| {
        object.get(key).and_then(Value::as_str).unwrap_or("(none)").to_owned()
    };
    let list = |key: &str| event.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    match text(event, "event").as_str() {
        "ready" => Observed::Ready(
            sorted(list("users").iter().filter_map(Value::as_str).map(str::to_owned)),
            list("history").iter().map(|said| (text(said, "from"), text(said, "text"))).collect(),
        ),
        "message" => Observed::Said(text(event, "from"), text(event, "text")),
        "joined" => Observed::Joined(text(event, "name")),
        "left" => Observed::Left(text(event, "name")),
        "cleared" => Observed::Cleared,
        _ => Observed::Other(event.to_string()),
    }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Runs a conversation of three clients: Unicode, a message of ten kilobytes, a late join
/// with history, a clear, a leave, and a rejoin after the clear. All clients must see all
/// events in order.
///
/// # Panics
///
/// Panics if a client sees a different event.
pub fn conversation(server: Kind, guests: [Kind; 3]) {
    let host =
        TestHost::start(server, Limits { clear_interval: Duration::ZERO, ..Limits::default() });
    let port = host.port;
    let ready = |members: &[&str], history: &[(&str, &str)]| {
        let history = history.iter().map(|(who, what)| ((*who).to_owned(), (*what).to_owned()));
        Observed::Ready(members.iter().map(|name| (*name).to_owned()).collect(), history.collect())
    };
    let long = "ä漢".repeat(2_000);

    let mut anna = Peer::join(guests[0], port, "anna");
    assert_eq!(anna.sees(), ready(&["anna"], &[]));
    let mut bob = Peer::join(guests[1], port, "боб 😀");
    assert_eq!(bob.sees(), ready(&["anna", "боб 😀"], &[]));
    assert_eq!(anna.sees(), Observed::Joined("боб 😀".into()));

    let mut said = Vec::new();
    for (who, text) in [(0, "hello"), (1, "привет, 漢字 é 😀"), (0, long.as_str())] {
        let (speaker, name) =
            if who == 0 { (&mut anna, "anna") } else { (&mut bob, "боб 😀") };
        speaker.say(text);
        let expected = Observed::Said(name.into(), text.into());
        assert_eq!(anna.sees(), expected);
        assert_eq!(bob.sees(), expected);
        said.push((name, text));
    }

    let mut late = Peer::join(guests[2], port, "late");
    assert_eq!(late.sees(), ready(&["anna", "late", "боб 😀"], &said));
    assert_eq!(anna.sees(), Observed::Joined("late".into()));
    assert_eq!(bob.sees(), Observed::Joined("late".into()));

    late.say("what did I miss?");
    bob.clear();
    for guest in [&mut anna, &mut bob, &mut late] {
        let mut both = [guest.sees(), guest.sees()];
        both.sort_by_key(|seen| *seen == Observed::Cleared);
        assert_eq!(
            both,
            [Observed::Said("late".into(), "what did I miss?".into()), Observed::Cleared]
        );
    }
    bob.clear();
    for guest in [&mut anna, &mut bob, &mut late] {
        assert_eq!(guest.sees(), Observed::Cleared);
    }
    bob.leave();
    assert_eq!(anna.sees(), Observed::Left("боб 😀".into()));
    assert_eq!(late.sees(), Observed::Left("боб 😀".into()));

    let mut back = Peer::join(guests[1], port, "боб 😀");
    assert_eq!(back.sees(), ready(&["anna", "late", "боб 😀"], &[]));
}
