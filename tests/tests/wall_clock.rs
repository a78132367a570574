//! Steps of the wall clock that the monotonic clock does not count: a suspended machine, or
//! one whose clock is set while the program runs. Times are right again at once, on both
//! sides, and strict rooms give no false warning.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use cmdchat_core::{
    client::{ClientConfig, Event, Login, Message, SendId},
    room_kind::RoomKind,
    secret::Password,
    server::{Credentials, Limits},
    time::{Epoch, Tick},
    username::Username,
};
use cmdchat_drivers::{
    client::{ClientHandle, SessionCommand, connect},
    runtime::sim::{LinkConfig, Sim, SimAbortHandle, SimReadHalf, SimWriteHalf},
    runtime::{Connection, Runtime},
    server::{ServerConfig, serve},
};
use cmdchat_tests::{PASSWORD, epoch, password, seed};

const HOUR: Duration = Duration::from_secs(3600);

/// A machine with its own wall clock on the simulator.
#[derive(Clone, Debug)]
struct Machine {
    sim: Sim,
    /// How far the wall clock is behind.
    behind: Arc<Mutex<Duration>>,
}

impl Machine {
    fn new(sim: &Sim, behind: Duration) -> Self {
        Self { sim: sim.clone(), behind: Arc::new(Mutex::new(behind)) }
    }

    fn set_clock(&self) {
        *self.behind.lock().unwrap() = Duration::ZERO;
    }

    fn connection(connection: Connection<Sim>) -> Connection<Self> {
        let Connection { reader, writer, abort, peer } = connection;
        Connection { reader, writer, abort, peer }
    }

    async fn join(&self, server: SocketAddr, name: &str) -> Member {
        let config = ClientConfig::new(
            Username::new(name).unwrap(),
            password(PASSWORD),
            self.epoch().unwrap(),
        );
        let login = Login::new(
            Arc::new(config),
            self.now(),
            Duration::from_secs(30),
            &seed(name.len() as u8),
        );
        let connection = self.sim.connect(server, &LinkConfig::default()).unwrap();
        Member(connect(self, Self::connection(connection), login).await.unwrap())
    }
}

impl Runtime for Machine {
    type ReadHalf = SimReadHalf;
    type WriteHalf = SimWriteHalf;
    type AbortHandle = SimAbortHandle;

    fn now(&self) -> Tick {
        self.sim.now()
    }

    fn epoch(&self) -> Option<Epoch> {
        let start = epoch().at(Tick::ZERO).checked_sub(*self.behind.lock().unwrap()).unwrap();
        Some(Epoch::new(start))
    }

    fn sleep_until(&self, at: Tick) -> impl Future<Output = ()> + Send {
        self.sim.sleep_until(at)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.sim.spawn(task);
    }

    fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        self.sim.spawn_blocking(job)
    }
}

/// The server's listener, on a machine with a wall clock.
struct Listener(cmdchat_drivers::runtime::sim::SimListener);

impl cmdchat_drivers::runtime::Listener<Machine> for Listener {
    async fn accept(&mut self) -> std::io::Result<Connection<Machine>> {
        self.0.accept().await.map(Machine::connection)
    }
}

struct Member(ClientHandle);

impl Member {
    async fn send(&self, number: u64, text: &str) {
        let command = SessionCommand::Send(SendId(number), text.to_owned().into());
        self.0.commands.send(command).await.unwrap();
    }

    /// Waits for the next message.
    async fn message(&self) -> Message {
        loop {
            if let Event::Message(message) = self.0.events.recv().await.unwrap() {
                return message;
            }
        }
    }
}

/// Opens a room on `machine`. It is open until the returned channel is dropped.
fn open(machine: &Machine, kind: RoomKind) -> (SocketAddr, async_channel::Sender<()>) {
    let listener = machine.sim.listen();
    let address = listener.address();
    let secret: Password = password(PASSWORD);
    let credentials = match kind {
        RoomKind::Classic => Credentials::classic(&secret, &seed(1)),
        RoomKind::Strict => Credentials::strict(&secret, &seed(1)).unwrap(),
    };
    let config = ServerConfig {
        credentials,
        limits: Limits::default(),
        epoch: machine.epoch().unwrap(),
        seed: seed(1),
    };
    let (stop, stopped) = async_channel::bounded(1);
    machine.spawn(serve(machine.clone(), Listener(listener), config, |_| (), stopped));
    (address, stop)
}

#[test]
fn suspended_member_of_a_strict_room_causes_no_warning_after_waking() {
    let sim = Sim::new();
    sim.run(async {
        let here = Machine::new(&sim, Duration::ZERO);
        let (server, _stop) = open(&here, RoomKind::Strict);
        let desk = here.join(server, "desk").await;
        let laptop = Machine::new(&sim, HOUR);
        let lap = laptop.join(server, "lap").await;
        lap.send(1, "before").await;
        assert_eq!(desk.message().await.doubts.len(), 1, "the clock is wrong so far");
        lap.message().await;

        laptop.set_clock();
        lap.send(2, "awake").await;
        desk.send(1, "welcome back").await;
        for member in [&desk, &lap] {
            for _ in 0..2 {
                let message = member.message().await;
                assert_eq!(message.doubts, []);
                let off = message.at.unwrap().duration_since(epoch().at(sim.now())).as_secs();
                assert_eq!(off, 0);
            }
        }

        let again = laptop.join(server, "again").await;
        again.send(1, "reconnected").await;
        assert_eq!(desk.message().await.doubts, []);
    })
    .unwrap();
    sim.drop_tasks();
}

#[test]
fn suspended_server_of_a_classic_room_dates_messages_right_after_waking() {
    let sim = Sim::new();
    sim.run(async {
        let machine = Machine::new(&sim, HOUR);
        let (server, _stop) = open(&machine, RoomKind::Classic);
        let alice = machine.join(server, "alice").await;
        let off = async |number| {
            alice.send(number, "hello").await;
            let at = alice.message().await.at.unwrap();
            at.duration_since(epoch().at(sim.now())).as_secs()
        };
        assert_eq!(off(1).await, -3600);
        machine.set_clock();
        assert_eq!(off(2).await, 0);
    })
    .unwrap();
    sim.drop_tasks();
}
