//! Test harness: one server and any number of clients on the simulator.

mod clients;
mod describe;

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock, atomic::AtomicU64},
    time::Duration,
};

use cmdchat_core::{
    client::{ClientConfig, Event, Login, LoginFailure},
    room_kind::RoomKind,
    secret::{Password, Secret},
    seed::Seed,
    server::{Credentials, Limits},
    time::Epoch,
    username::Username,
};
use cmdchat_drivers::{
    client::{ClientHandle, connect},
    runtime::sim::{ChunkSize, DirectionConfig, LinkConfig, Sim},
    runtime::{Connection, ReadHalf as _, ReadOutcome, Runtime as _},
    server::{ServerConfig, ServerEvent, serve},
};

use crate::{
    Transcript, abridge,
    mitm::{Attack, intercept},
    tap::{Tapped, tap},
};
use describe::describe_note;

pub use clients::{Member, Raw};
pub use describe::describe_event;

/// The password of every harness's room.
pub const PASSWORD: &str = "correct horse battery staple";

/// Login timeout of the harness's clients.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// Returns `text` as a password.
#[must_use]
pub fn password(text: &str) -> Password {
    Password::new(text.as_bytes().to_vec().into())
}

/// Returns the same seed for the same number.
#[must_use]
pub fn seed(number: u8) -> Seed {
    Seed::new(Secret::fill_with(|bytes| bytes.fill(number)))
}

/// Chunking of the bytes on all connections.
#[derive(Clone, Copy, Debug)]
pub enum Chunking {
    /// All available bytes at once.
    Coalesced,
    /// One byte per read and per write.
    Bytewise,
    /// Random chunks, drawn from this seed.
    Random(u64),
}

impl Chunking {
    fn lane(self) -> DirectionConfig {
        let chunk = match self {
            Self::Coalesced => ChunkSize::Whole,
            Self::Bytewise => ChunkSize::Bytes(1),
            Self::Random(seed) => ChunkSize::Random(seed),
        };
        DirectionConfig {
            latency: Duration::from_millis(1),
            chunk,
            write_chunk: chunk,
            ..DirectionConfig::default()
        }
    }
}

/// Runs `script` in a classic room with every kind of chunking, asserts that the
/// transcripts are identical to the byte, and returns the transcript.
///
/// # Panics
///
/// Panics if two runs differ, or if one never ends.
pub fn check(limits: &Limits, script: impl AsyncFn(&Harness)) -> String {
    check_in(RoomKind::Classic, limits, script)
}

/// Does the same as [`check`] in a room of this kind.
///
/// # Panics
///
/// Panics if two runs differ, or if one never ends.
pub fn check_in(kdf: RoomKind, limits: &Limits, script: impl AsyncFn(&Harness)) -> String {
    let mut first: Option<String> = None;
    for chunking in [
        Chunking::Coalesced,
        Chunking::Bytewise,
        Chunking::Random(1),
        Chunking::Random(2),
        Chunking::Random(3),
    ] {
        let transcript = Harness::new(kdf, limits.clone(), chunking).play(&script);
        match &first {
            None => first = Some(transcript),
            Some(first) if *first == transcript => {}
            Some(first) => panic!(
                "the transcript depends on how bytes are cut.\n--- coalesced\n{}\n--- {chunking:?}\n{}",
                abridge(first),
                abridge(&transcript)
            ),
        }
    }
    abridge(&first.unwrap_or_default())
}

/// Starts a server of such a room with these limits and [`PASSWORD`]. Returns its address
/// and the channel that stops it when closed.
pub fn open(
    sim: &Sim,
    kdf: RoomKind,
    limits: Limits,
    notes: impl Fn(ServerEvent) + Send + Sync + 'static,
) -> (SocketAddr, async_channel::Sender<()>) {
    let listener = sim.listen();
    let address = listener.address();
    let (stop, stopped) = async_channel::bounded(1);
    let server =
        ServerConfig { credentials: credentials(kdf), limits, epoch: epoch(), seed: seed(1) };
    sim.spawn(serve(sim.clone(), listener, server, notes, stopped));
    (address, stop)
}

/// A server and its clients on the simulator.
pub struct Harness {
    sim: Sim,
    server: SocketAddr,
    chunking: Chunking,
    transcript: Transcript,
    stop: async_channel::Sender<()>,
}

impl Harness {
    /// Starts a listening server with these limits and [`PASSWORD`].
    #[must_use]
    pub fn new(kdf: RoomKind, limits: Limits, chunking: Chunking) -> Self {
        let sim = Sim::new();
        let transcript = Transcript::default();
        let (clock, page) = (sim.clone(), transcript.clone());
        let notes = move |note: ServerEvent| page.note(clock.now(), "host", describe_note(&note));
        let (server, stop) = open(&sim, kdf, limits, notes);
        Self { sim, server, chunking, transcript, stop }
    }

    /// Runs `script` to its end and returns the transcript.
    ///
    /// # Panics
    ///
    /// Panics if the script waits for an event that can no longer happen.
    pub fn play(self, script: impl AsyncFn(&Self)) -> String {
        let run = self.sim.run(script(&self));
        self.sim.drop_tasks();
        let text = self.transcript.render();
        if let Err(deadlock) = run {
            panic!("{deadlock}\n{}", abridge(&text));
        }
        text
    }

    /// Lets virtual time pass.
    pub async fn pause(&self, milliseconds: u64) {
        self.sim
            .sleep_until(self.sim.now().saturating_add(Duration::from_millis(milliseconds)))
            .await;
    }

    /// Returns the simulator.
    #[must_use]
    pub const fn sim(&self) -> &Sim {
        &self.sim
    }

    /// Stops the server as a signal would.
    pub fn stop(&self) {
        self.stop.close();
    }

    /// Stops the server as a supervisor would that restarts it.
    pub fn restart(&self) {
        let _ = self.stop.try_send(());
    }

    /// Adds a remark of the script to the transcript.
    pub fn remark(&self, what: &str) {
        self.transcript.note(self.sim.now(), "", format!("# {what}"));
    }

    /// Returns the default link of this harness, which a script can modify.
    #[must_use]
    pub fn link(&self) -> LinkConfig {
        LinkConfig::both(self.chunking.lane())
    }

    /// Logs the real client in as `name` with the right password, over protocol 1 only.
    ///
    /// # Panics
    ///
    /// Panics if the login fails.
    pub async fn join(&self, name: &str) -> Member {
        self.join_as(self.guest(name, PASSWORD).v1_only()).await
    }

    /// Does the same as [`join`](Self::join) over any protocol version that the server
    /// supports.
    ///
    /// # Panics
    ///
    /// Panics if the login fails.
    pub async fn join_sealed(&self, name: &str) -> Member {
        self.join_as(self.guest(name, PASSWORD)).await
    }

    async fn join_as(&self, guest: ClientConfig) -> Member {
        let name = guest.name().to_string();
        match self.try_join_as(guest, self.link()).await {
            Ok(member) => member,
            Err(error) => panic!("{name} did not get in: {error:?}\n{}", self.transcript.render()),
        }
    }

    /// Tries to log the real client in over protocol 1 only.
    ///
    /// # Errors
    ///
    /// Returns an error if the login fails; the transcript has the reason too.
    pub async fn try_join(
        &self,
        name: &str,
        word: &str,
        link: LinkConfig,
    ) -> Result<Member, LoginFailure> {
        self.try_join_as(self.guest(name, word).v1_only(), link).await
    }

    /// Returns the configuration of a client with username `name` and password `word`,
    /// without security requirements.
    ///
    /// # Panics
    ///
    /// Panics if `name` is not a valid username.
    #[must_use]
    pub fn guest(&self, name: &str, word: &str) -> ClientConfig {
        let name = Username::new(name).expect("scripts use proper names");
        ClientConfig::new(name, password(word), epoch())
    }

    /// Tries to log the real client in with this configuration.
    ///
    /// # Errors
    ///
    /// Returns an error if the login fails; the transcript has the reason too.
    pub async fn try_join_as(
        &self,
        guest: ClientConfig,
        link: LinkConfig,
    ) -> Result<Member, LoginFailure> {
        self.try_join_at(self.server, guest, link).await
    }

    /// Does the same with a man in the middle.
    ///
    /// # Errors
    ///
    /// Returns an error if the login fails; the transcript has the reason too.
    pub async fn try_join_through(
        &self,
        attack: Attack,
        guest: ClientConfig,
    ) -> Result<Member, LoginFailure> {
        let attacker = intercept(&self.sim, self.server, attack);
        self.try_join_at(attacker, guest, self.link()).await
    }

    async fn try_join_at(
        &self,
        server: SocketAddr,
        guest: ClientConfig,
        link: LinkConfig,
    ) -> Result<Member, LoginFailure> {
        let name = guest.name().to_string();
        let name = name.as_str();
        let runtime = Tapped(self.sim.clone());
        let login = self.login(guest);
        let joined = connect(&runtime, self.dial(server, name, link), login).await;
        let joined = joined.map_err(|refused| refused.reason).inspect_err(|failed| {
            self.transcript.note(self.sim.now(), name, format!("* not in: {failed:?}"));
        });
        let ClientHandle { commands, events } = joined?;
        let (clock, page, who) = (self.sim.clone(), self.transcript.clone(), name.to_owned());
        let (ended, over) = async_channel::bounded(1);
        self.sim.spawn(async move {
            while let Ok(event) = events.recv().await {
                page.note(clock.now(), &who, format!("* {}", describe_event(&event)));
                if let Event::Ended(end) = event {
                    let _ = ended.try_send(end);
                }
            }
        });
        Ok(Member { commands, over, said: AtomicU64::new(0) })
    }

    /// Connects a raw peer, which sends only the bytes of the script.
    #[must_use]
    pub fn raw(&self, name: &str, link: LinkConfig) -> Raw {
        let Connection { reader, writer, abort, .. } = self.dial(self.server, name, link);
        Raw { reader: Some(reader), writer, abort, sim: self.sim.clone() }
    }

    /// Connects a peer that logs in as `name` over protocol 1 and then sends only the bytes
    /// of the script.
    ///
    /// # Panics
    ///
    /// Panics if the login fails.
    pub async fn raw_member(&self, name: &str, link: LinkConfig) -> Raw {
        self.raw_member_as(self.guest(name, PASSWORD).v1_only(), link).await
    }

    /// Does the same with this client configuration, over any protocol version.
    ///
    /// # Panics
    ///
    /// Panics if the login fails.
    pub async fn raw_member_as(&self, guest: ClientConfig, link: LinkConfig) -> Raw {
        use cmdchat_core::handshake::{Handshake as _, Job as _, Step};
        let name = guest.name().to_string();
        let name = name.as_str();
        let mut raw = self.raw(name, link);
        let mut decoder = cmdchat_core::transport::line_decoder::LineDecoder::new(0);
        let mut login = self.login(guest);
        loop {
            let mut out = Vec::new();
            let step = login.advance(self.sim.now(), &mut decoder, &mut out);
            for frame in out {
                raw.send(frame.bytes()).await;
            }
            login = match step {
                Ok(Step::Compute(work)) => work.run(),
                Ok(Step::WaitUntil(_, login)) => login,
                Ok(Step::NeedsInput(login)) => {
                    // Read one byte at a time, so that bytes after line 4 stay in the
                    // socket.
                    let mut byte = [0];
                    let reader = raw.reader.as_mut().expect("nobody else reads yet");
                    match reader.read(&mut byte, None).await {
                        Ok(ReadOutcome::Data(_)) => decoder.feed(&byte),
                        other => panic!("{name} did not get in: {other:?}"),
                    }
                    login
                }
                Ok(Step::Done(_)) => return raw,
                Err(failed) => panic!("{name} did not get in: {failed:?}"),
            };
        }
    }

    fn dial(&self, server: SocketAddr, name: &str, link: LinkConfig) -> Connection<Tapped> {
        let connection = self.sim.connect(server, &link).expect("somebody listens");
        tap(&self.sim, connection, name, &self.transcript)
    }

    fn login(&self, guest: ClientConfig) -> Login {
        let own_seed = seed(2).fork(guest.name().as_str(), self.sim.compute_count());
        Login::new(Arc::new(guest), self.sim.now(), LOGIN_TIMEOUT, &own_seed)
    }
}

/// Returns the server credentials of such a room for [`PASSWORD`].
fn credentials(kdf: RoomKind) -> Credentials {
    /// Stretched once, because many tests open many rooms.
    static STRICT: LazyLock<String> = LazyLock::new(|| {
        let strict = Credentials::strict(&password(PASSWORD), &seed(1)).expect("not empty");
        strict.token().expect("of protocol 2").to_string()
    });
    match kdf {
        RoomKind::Classic => Credentials::classic(&password(PASSWORD), &seed(1)),
        RoomKind::Strict => Credentials::from_token(&STRICT).expect("it is its own"),
    }
}

/// Returns the wall-clock time at which every harness starts.
///
/// # Panics
///
/// Never panics: the date is a constant.
#[must_use]
pub fn epoch() -> Epoch {
    Epoch::new("2026-11-23T15:00:00Z".parse().expect("a constant"))
}
