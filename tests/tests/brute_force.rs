//! Online password guessing on the simulator: the number of guesses per hour from one
//! address and from a thousand, and the effect on members and on new clients.

use std::{
    io::IoSlice,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cmdchat_core::{
    client::{ClientConfig, Event, Login, Message, SendId},
    room_kind::RoomKind,
    server::Limits,
    time::Tick,
    username::Username,
};
use cmdchat_drivers::{
    client::{ClientHandle, SessionCommand, connect},
    runtime::sim::{DirectionConfig, LinkConfig, Sim},
    runtime::{Connection, ReadHalf as _, ReadOutcome, Runtime as _, WriteHalf as _},
};
use cmdchat_tests::{PASSWORD, epoch, open, password, seed};

const HOUR: Duration = Duration::from_secs(3_600);
const LATENCY: Duration = Duration::from_millis(20);
/// Round-trip latency.
const WAY: Duration = Duration::from_millis(40);

/// Results of an attack.
#[derive(Debug)]
struct Figures {
    /// Guesses that the server verified.
    guesses: u64,
    /// The longest echo delay of a member, beyond the round trip.
    delay: Duration,
    /// The longest wait to log in of a client with the right password that retries every
    /// two seconds: from its own address, and from an address of the attackers.
    waits: [Duration; 2],
}

/// Returns the address with this number.
fn address(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    ([10, 1, high, low], 1024).into()
}

#[derive(Clone)]
struct Siege {
    sim: Sim,
    server: SocketAddr,
}

impl Siege {
    /// Guesses from this many addresses for an hour, each as often as the server allows.
    fn lay(addresses: u16, patience: Duration) -> Figures {
        let sim = Sim::new();
        let (server, stop) = open(&sim, RoomKind::Classic, Limits::default(), |_| {});
        let siege = Self { sim: sim.clone(), server };
        let guesses = Arc::new(AtomicU64::new(0));
        for number in 0..addresses {
            let (siege, guesses) = (siege.clone(), Arc::clone(&guesses));
            sim.spawn(async move {
                // A member is in the room before the attack begins.
                siege.pause(Duration::from_secs(1)).await;
                while siege.lasts() {
                    let heard = siege.guess(address(number)).await;
                    guesses.fetch_add(u64::from(heard), Ordering::Relaxed);
                    siege.pause(if heard { Duration::ZERO } else { patience }).await;
                }
            });
        }
        let figures = sim.run(async {
            let inside = siege.beside(|siege| siege.talk("alice"));
            let own = siege.beside(|siege| siege.come_and_go("carol", ([10, 2, 0, 1], 1).into()));
            let shared = siege.beside(|siege| siege.come_and_go("dave", address(0)));
            let (delay, own, shared) = (inside.await, own.await, shared.await);
            (delay, [own, shared])
        });
        let (delay, waits) = figures.expect("a siege ends");
        stop.close();
        sim.drop_tasks();
        Figures { guesses: guesses.load(Ordering::Relaxed), delay, waits }
    }

    fn beside<F: Future<Output = Duration> + Send + 'static>(
        &self,
        life: impl FnOnce(Self) -> F,
    ) -> impl Future<Output = Duration> {
        let (told, tell) = async_channel::bounded(1);
        let life = life(self.clone());
        self.sim.spawn(async move {
            let _ = told.send(life.await).await;
        });
        async move { tell.recv().await.expect("it has an end") }
    }

    fn lasts(&self) -> bool {
        self.sim.now() < Tick::from_start(HOUR)
    }

    async fn pause(&self, time: Duration) {
        self.sim.sleep_until(self.sim.now().saturating_add(time)).await;
    }

    fn call(&self, from: SocketAddr) -> Connection<Sim> {
        let lane = DirectionConfig { latency: LATENCY, ..DirectionConfig::default() };
        let link = LinkConfig { peer: Some(from), ..LinkConfig::both(lane) };
        self.sim.connect(self.server, &link).expect("the server listens")
    }

    /// Tries one wrong password, without the computation that only an honest client needs.
    /// Returns `true` if the server verified it.
    async fn guess(&self, from: SocketAddr) -> bool {
        let Connection { mut reader, mut writer, .. } = self.call(from);
        let hello = "{\"cmd\":\"srp_init\",\"username\":\"mallory\",\"A\":\"AgICAg==\"}\n";
        let _ = writer.write(&[IoSlice::new(hello.as_bytes())], None).await;
        let challenge = read_line(&mut reader).await;
        let Some((_, rest)) = challenge.split_once("\"user_id\":\"") else { return false };
        let id = rest.split('"').next().unwrap_or_default();
        let proof = format!("{{\"cmd\":\"srp_verify\",\"user_id\":\"{id}\",\"M\":\"AAAA\"}}\n");
        let _ = writer.write(&[IoSlice::new(proof.as_bytes())], None).await;
        read_line(&mut reader).await.contains("Authentication failed")
    }

    async fn join(&self, name: &str, from: SocketAddr) -> Option<ClientHandle> {
        let guest =
            ClientConfig::new(Username::new(name).expect("a name"), password(PASSWORD), epoch());
        let chance = seed(7).fork(name, self.sim.compute_count());
        let login = Login::new(Arc::new(guest), self.sim.now(), Duration::from_secs(60), &chance);
        connect(&self.sim, self.call(from), login).await.ok()
    }

    /// Sends a message every ten seconds and returns the longest echo delay.
    async fn talk(self, name: &'static str) -> Duration {
        let from = ([10, 2, 0, 2], 1).into();
        let ClientHandle { commands, events } =
            self.join(name, from).await.expect("nobody is here yet");
        let mut longest = Duration::ZERO;
        let mut count = 0;
        while self.lasts() {
            count += 1;
            let said = self.sim.now();
            let _ =
                commands.send(SessionCommand::Send(SendId(count), "hello".to_owned().into())).await;
            loop {
                match events.recv().await.expect("it is still in the room") {
                    Event::Message(Message { own: Some(_), .. }) => break,
                    Event::Ended(end) => panic!("put out: {end:?}"),
                    _ => {}
                }
            }
            longest = longest.max(self.sim.now().saturating_duration_since(said));
            self.pause(Duration::from_secs(10)).await;
        }
        longest.saturating_sub(WAY)
    }

    /// Logs in every two minutes and returns the longest wait. A wait that is unfinished at
    /// the end of the attack counts too.
    async fn come_and_go(self, name: &'static str, from: SocketAddr) -> Duration {
        let mut longest = Duration::ZERO;
        while self.lasts() {
            let begun = self.sim.now();
            let joined = loop {
                match self.join(name, from).await {
                    Some(joined) => break joined,
                    None if !self.lasts() => {
                        return self.sim.now().saturating_duration_since(begun);
                    }
                    None => self.pause(Duration::from_secs(2)).await,
                }
            };
            longest = longest.max(self.sim.now().saturating_duration_since(begun));
            let _ = joined.commands.send(SessionCommand::Close).await;
            while joined.events.recv().await.is_ok() {}
            self.pause(Duration::from_secs(120)).await;
        }
        longest
    }
}

async fn read_line(reader: &mut cmdchat_drivers::runtime::sim::SimReadHalf) -> String {
    let (mut line, mut buffer) = (Vec::new(), [0; 1024]);
    while !line.ends_with(b"\n") {
        match reader.read(&mut buffer, None).await {
            Ok(ReadOutcome::Data(count)) => line.extend_from_slice(&buffer[..count]),
            Ok(ReadOutcome::Eof | ReadOutcome::TimedOut) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}

impl Figures {
    /// Asserts that members notice nothing, that there are at most this many guesses, and
    /// that new clients log in within these times.
    fn are_within(&self, guesses: u64, waits: [u64; 2]) {
        println!("{self:?}");
        assert_eq!(self.delay, Duration::ZERO, "those inside notice it");
        assert!(self.guesses <= guesses, "{} guesses in an hour", self.guesses);
        for (waited, most) in self.waits.into_iter().zip(waits) {
            assert!(waited <= Duration::from_secs(most), "{waited:?} to get in");
        }
    }
}

/// Three guesses at once, then three every 15 seconds.
#[test]
fn single_source_guesses_are_limited_per_hour() {
    Siege::lay(1, Duration::from_secs(1)).are_within(3 + 12 * 60, [1, 60]);
}

/// Sixty guesses at once beside up to 64 that were being answered, then one a second from all
/// addresses together.
#[test]
fn distributed_guesses_are_limited_to_one_a_second() {
    Siege::lay(1_000, Duration::from_secs(30)).are_within(60 + 64 + 60 * 60, [300, 300]);
}
