//! A server: accepting, logging in, and one room, written once for every runtime.
//!
//! ```text
//! accept ──► connection ──login──► mailbox ──► room loop ──► log
//!                │  reads, one wait: bytes ▲        │          │ cursor
//!                └─────────────────────────┘        └─ bell ─► writer ──► socket
//! ```
//!
//! Nobody waits in a circle: a connection waits for its socket or for the
//! mailbox, a writer for its socket or its bell, the room for its mailbox alone.

use std::{collections::BTreeMap, io, net::IpAddr, sync::Arc, time::Duration};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    inbox::Inbox,
    log::Outlet,
    seed::Seed,
    server::{
        Admitted, Credentials, Departure, Gate, Input, Intake, Intent, Limits, Login, Output, Pass,
        Room, SeatId,
    },
    time::Epoch,
    violation::Violation,
};
use futures_lite::future;

use crate::{
    contract::{Connection, Hangup as _, Listener, Read, Reader as _, Runtime},
    login::{self, Arithmetic, READ_SIZE},
    outbound::{self, Bell},
};

/// Inputs the room has not taken yet. Connections wait beyond that, and so, at
/// last, does whoever floods.
const MAILBOX: usize = 256;
/// Bytes the room says before it lets the writers write.
const BATCH: usize = 64 << 10;
/// How long members get to take the last words when a connection ends orderly.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long accepting rests when the system is short of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Everything that a server is given.
#[derive(Debug)]
pub struct Server {
    /// What it knows of the password.
    pub credentials: Credentials,
    /// What it allows.
    pub limits: Limits,
    /// Wall time at the runtime's zero.
    pub epoch: Epoch,
    /// All its randomness.
    pub seed: Seed,
}

/// What a host may want to see. Names are as members gave them: to be cleaned
/// before they are shown.
#[derive(Debug)]
pub enum Note {
    /// From the room: who came, left or cleared.
    Room(Output),
    /// A login from this address failed.
    Refused(IpAddr, Violation),
    /// The system could not accept a connection just now.
    NotAccepted(io::Error),
}

/// Serves until `stop` is closed, then ends all connections in order.
///
/// `notes` is called from the server's own tasks and must not wait.
pub async fn serve<R: Runtime, L: Listener<R>>(
    runtime: R,
    listener: L,
    server: Server,
    notes: impl Fn(Note) + Send + Sync + 'static,
    stop: Receiver<()>,
) {
    let Server { credentials, limits, epoch, seed } = server;
    let (mail, mailbox) = async_channel::bounded(MAILBOX);
    let house = Arc::new(House {
        runtime: runtime.clone(),
        credentials: Arc::new(credentials),
        gate: Gate::new(&limits),
        arithmetic: Arithmetic::new(limits.computations, limits.computations_waiting),
        seed: seed.fork("connections", 0),
        notes: Box::new(notes),
        mail,
        limits,
    });
    runtime.spawn(accept(Arc::clone(&house), listener, stop.clone()));
    let room = Room::new(&house.limits, epoch, &seed);
    RoomLoop { house, room, links: BTreeMap::new(), leaving: Vec::new() }.run(mailbox, stop).await;
}

/// What all connections share.
struct House<R: Runtime> {
    runtime: R,
    credentials: Arc<Credentials>,
    limits: Limits,
    gate: Gate,
    arithmetic: Arithmetic,
    seed: Seed,
    notes: Box<dyn Fn(Note) + Send + Sync>,
    mail: Sender<Mail<R>>,
}

/// What connections tell the room loop.
enum Mail<R: Runtime> {
    Joined(Admitted, Link<R>),
    Input(Input),
}

/// The room loop's hold on one connection.
struct Link<R: Runtime> {
    hangup: R::Hangup,
    bell: Bell,
    outlet: Sender<Outlet>,
}

async fn accept<R: Runtime, L: Listener<R>>(
    house: Arc<House<R>>,
    mut listener: L,
    stop: Receiver<()>,
) {
    for number in 0.. {
        let accepted = future::or(async { Some(listener.accept().await) }, async {
            let _ = stop.recv().await;
            None
        });
        match accepted.await {
            None => return,
            Some(Ok(connection)) => {
                let now = house.runtime.now();
                match house.gate.knock(now, connection.peer.ip()) {
                    Some(pass) => {
                        let seed = house.seed.fork("connection", number);
                        house.runtime.spawn(converse(Arc::clone(&house), connection, pass, seed));
                    }
                    None => connection.hangup.hang_up(),
                }
            }
            Some(Err(error)) => {
                (house.notes)(Note::NotAccepted(error));
                house.runtime.sleep_until(house.runtime.now().after(ACCEPT_PAUSE)).await;
            }
        }
    }
}

/// One connection, from the first byte to the last.
async fn converse<R: Runtime>(
    house: Arc<House<R>>,
    connection: Connection<R>,
    pass: Pass,
    seed: Seed,
) {
    let Connection { mut reader, mut writer, hangup, peer } = connection;
    let runtime = &house.runtime;
    let mut inbox = Inbox::new(0);
    let login = Login::new(
        Arc::clone(&house.credentials),
        pass,
        runtime.now(),
        house.limits.login_timeout,
        &seed,
    );
    match login::run(runtime, &house.arithmetic, &mut reader, &mut writer, &mut inbox, login).await
    {
        Err(refused) => {
            (house.notes)(Note::Refused(peer.ip(), refused.violation));
            if refused.violation.answer().is_some() {
                login::see_out(runtime, reader, writer).await;
            }
        }
        Ok(admitted) => {
            let seat = admitted.seat.id();
            let bell = Bell::default();
            let (outlet, hand_over) = async_channel::bounded(1);
            let (written_all, all_written) = async_channel::bounded::<()>(1);
            let link = Link { hangup: hangup.clone(), bell: bell.clone(), outlet };
            if house.mail.send(Mail::Joined(admitted, link)).await.is_ok() {
                let (end_reader, writing) = (hangup.clone(), Arc::clone(&house));
                runtime.spawn(async move {
                    let _written_all = written_all;
                    let Ok(mut outlet) = hand_over.recv().await else { return };
                    if outbound::run(&writing.runtime, &mut writer, &mut outlet, &bell)
                        .await
                        .is_err()
                    {
                        end_reader.hang_up();
                    }
                });
                let departure = listen(&house, &mut reader, &mut inbox, seat).await;
                let _ = house.mail.send(Mail::Input(Input::Left(seat, departure))).await;
                let patience = runtime.now().after(FAREWELL);
                future::or(runtime.sleep_until(patience), async {
                    let _ = all_written.recv().await;
                })
                .await;
            }
        }
    }
    hangup.hang_up();
}

/// Hands a member's requests to the room until there will be no more.
async fn listen<R: Runtime>(
    house: &House<R>,
    reader: &mut R::Reader,
    inbox: &mut Inbox,
    seat: SeatId,
) -> Departure {
    let mut intake = Intake::new(&house.limits);
    let mut buffer = vec![0; READ_SIZE];
    let mut end = Departure::Closed;
    loop {
        match intake.next(house.runtime.now(), inbox) {
            Intent::Request(request) => {
                if house.mail.send(Mail::Input(Input::Request(seat, request))).await.is_err() {
                    return Departure::Closed;
                }
            }
            Intent::NeedsInput => match reader.read(&mut buffer, None).await {
                Ok(Read::Bytes(count)) => inbox.push(buffer.get(..count).unwrap_or_default()),
                Ok(Read::Late) => {}
                Ok(Read::End) => inbox.end(),
                Err(_) => {
                    end = Departure::Lost;
                    inbox.end();
                }
            },
            Intent::NeedsTime(until) => house.runtime.sleep_until(until).await,
            Intent::End => return end,
            Intent::Broken(violation) => return Departure::Broken(violation),
        }
    }
}

/// The one task that owns the room.
struct RoomLoop<R: Runtime> {
    house: Arc<House<R>>,
    room: Room,
    links: BTreeMap<SeatId, Link<R>>,
    /// Of members who left since the last batch was published: their writers
    /// still have to hear of it.
    leaving: Vec<Link<R>>,
}

impl<R: Runtime> RoomLoop<R> {
    async fn run(mut self, mailbox: Receiver<Mail<R>>, stop: Receiver<()>) {
        while let Some(mail) = self.next(&mailbox, &stop).await {
            let now = self.house.runtime.now();
            let mut waiting = mail;
            while let Some(mail) = waiting {
                self.take(mail);
                waiting =
                    if self.room.unpublished() < BATCH { mailbox.try_recv().ok() } else { None };
            }
            let fresh = self.room.publish(now);
            self.carry_out();
            self.leaving.drain(..).for_each(|link| link.bell.ring());
            if fresh {
                self.links.values().for_each(|link| link.bell.ring());
                // The writers first: they must not look slow because the room is fast.
                future::yield_now().await;
            }
        }
        self.close().await;
    }

    /// `None`: stop. `Some(None)`: look at the time.
    async fn next(
        &self,
        mailbox: &Receiver<Mail<R>>,
        stop: &Receiver<()>,
    ) -> Option<Option<Mail<R>>> {
        let mail = async { mailbox.recv().await.ok().map(Some) };
        let stopped = async {
            let _ = stop.recv().await;
            None
        };
        let late = async {
            match self.room.deadline() {
                Some(deadline) => self.house.runtime.sleep_until(deadline).await,
                None => future::pending().await,
            }
            Some(None)
        };
        future::or(stopped, future::or(mail, late)).await
    }

    fn take(&mut self, mail: Mail<R>) {
        let now = self.house.runtime.now();
        let input = match mail {
            Mail::Joined(admitted, link) => {
                self.links.insert(admitted.seat.id(), link);
                Input::Joined(admitted)
            }
            Mail::Input(input) => {
                if let Input::Left(seat, _) = &input {
                    self.leaving.extend(self.links.remove(seat));
                }
                input
            }
        };
        self.room.handle(now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Admit(seat, outlet) => {
                    if let Some(link) = self.links.get(&seat) {
                        let _ = link.outlet.try_send(outlet);
                    }
                }
                Output::Drop(seat) => {
                    if let Some(link) = self.links.remove(&seat) {
                        link.hangup.hang_up();
                    }
                }
                Output::Joined(..) | Output::Left(..) | Output::Cleared(_) => {
                    (self.house.notes)(Note::Room(output))
                }
            }
        }
    }

    /// Everybody gets the last words, if they take them in time.
    async fn close(mut self) {
        let runtime = self.house.runtime.clone();
        self.room.close();
        self.room.publish(runtime.now());
        self.links.values().for_each(|link| link.bell.ring());
        let until = runtime.now().after(FAREWELL);
        let gone = async {
            for link in self.links.values() {
                link.outlet.closed().await;
            }
        };
        future::or(runtime.sleep_until(until), gone).await;
        self.links.values().for_each(|link| link.hangup.hang_up());
    }
}
