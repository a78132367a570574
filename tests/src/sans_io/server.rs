//! The server without I/O.

use std::{
    io::IoSlice,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use cmdchat_core::{
    room_kind::RoomKind,
    server::{
        Admission, Credentials, Inbound, Limits, Login, MemberId, RequestReader, Room, RoomInput,
        RoomOutput,
    },
    time::Tick,
    transport::broadcast::{LogCursor, MAX_IO_SLICES},
    transport::line_decoder::LineDecoder,
};

use super::{Client, Settled, lines, settle};
use crate::{PASSWORD, epoch, password, seed};

/// A server without I/O: admission, logins and the room. Virtual time jumps ahead where a
/// connection has to wait.
pub struct TestServer {
    now: Tick,
    limits: Limits,
    credentials: Arc<Credentials>,
    admission: Admission,
    room: Room,
    connections: Vec<Connection>,
}

struct Connection {
    decoder: LineDecoder,
    /// `None` after the server has closed the connection.
    phase: Option<Phase>,
    cursor: Option<LogCursor>,
    /// Number of bytes that the peer still accepts; unlimited if `None`.
    window: Option<usize>,
    written: Vec<u8>,
}

enum Phase {
    Login(Box<Login>),
    Member(MemberId, Box<RequestReader>),
}

impl TestServer {
    /// Creates an empty room with [`PASSWORD`].
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            now: Tick::ZERO,
            limits: limits.clone(),
            credentials: Arc::new(Credentials::classic(&password(PASSWORD), &seed(1))),
            admission: Admission::new(limits),
            room: Room::new(limits, RoomKind::Classic, epoch(), &seed(1)),
            connections: Vec::new(),
        }
    }

    /// Opens a connection and returns its number: 0, 1, 2….
    ///
    /// # Panics
    ///
    /// Panics if admission control rejects the connection.
    pub fn open(&mut self) -> usize {
        let number = self.connections.len();
        let pass = self
            .admission
            .try_login(self.now, IpAddr::from(Ipv4Addr::LOCALHOST))
            .expect("the gate is open");
        let own_seed = seed(1).fork("connection", number as u64);
        let login = Login::new(
            Arc::clone(&self.credentials),
            pass,
            self.now,
            self.limits.login_timeout,
            &own_seed,
        );
        self.connections.push(Connection {
            decoder: LineDecoder::new(0),
            phase: Some(Phase::Login(Box::new(login))),
            cursor: None,
            window: None,
            written: Vec::new(),
        });
        number
    }

    /// Opens a connection for `client` and exchanges lines until it is logged in.
    ///
    /// # Panics
    ///
    /// Panics if the login fails.
    pub fn admit(&mut self, client: &mut Client) -> usize {
        self.admit_through(client, str::to_owned)
    }

    /// Does the same, with every line respelled by `spell` in both directions.
    ///
    /// # Panics
    ///
    /// Panics if the login fails.
    pub fn admit_through(&mut self, client: &mut Client, spell: fn(&str) -> String) -> usize {
        let number = self.open();
        while !client.is_in() {
            let lines = client.lines();
            assert!(!lines.is_empty(), "not in: {:?}", client.failure());
            lines.iter().for_each(|line| self.hear_line(number, &spell(line)));
            self.lines(number).iter().for_each(|line| client.hear_line(&spell(line)));
        }
        number
    }

    /// Feeds a line to a connection.
    pub fn hear_line(&mut self, number: usize, line: &str) {
        self.hear(number, format!("{line}\n").as_bytes());
    }

    /// Feeds bytes to a connection.
    pub fn hear(&mut self, number: usize, bytes: &[u8]) {
        self.connections[number].decoder.feed(bytes);
        self.look_at(number);
    }

    /// Signals that the peer of a connection has closed its side.
    pub fn end(&mut self, number: usize) {
        self.connections[number].decoder.feed_eof();
        self.look_at(number);
    }

    /// Limits the number of further bytes that the peer of a connection accepts; `None` is
    /// unlimited.
    pub fn set_window(&mut self, number: usize, window: Option<usize>) {
        self.connections[number].window = window;
        self.deliver();
    }

    /// Stops the server, which sends closing frames to all members.
    pub fn close(&mut self) {
        self.room.close(cmdchat_core::server::Shutdown::Final);
        self.deliver();
    }

    /// Advances virtual time.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        (0..self.connections.len()).for_each(|number| self.look_at(number));
    }

    /// Returns the lines written to a connection since the last call.
    ///
    /// # Panics
    ///
    /// Panics if one of them is not complete.
    pub fn lines(&mut self, number: usize) -> Vec<String> {
        lines(&mut self.connections[number].written)
    }

    /// Returns whether the server is done with a connection.
    #[must_use]
    pub fn has_hung_up(&self, number: usize) -> bool {
        self.connections[number].phase.is_none()
    }

    fn look_at(&mut self, number: usize) {
        let Connection { decoder, phase, written, .. } = &mut self.connections[number];
        let next = match phase.take() {
            None => None,
            Some(Phase::Login(login)) => match settle(*login, &mut self.now, decoder, written) {
                Settled::Waits(login) => Some(Phase::Login(Box::new(login))),
                Settled::Refused(_) => None,
                Settled::Done(admitted) => {
                    let seat = admitted.slot.id();
                    self.room.handle(self.now, RoomInput::Joined(admitted));
                    if let Some(RoomOutput::Attach(_, cursor)) = self.room.poll_output() {
                        self.connections[number].cursor = Some(cursor);
                    }
                    self.listen(number, seat, Box::new(RequestReader::open(&self.limits)))
                }
            },
            Some(Phase::Member(seat, intake)) => self.listen(number, seat, intake),
        };
        self.connections[number].phase = next;
        self.deliver();
    }

    fn listen(
        &mut self,
        number: usize,
        seat: MemberId,
        mut intake: Box<RequestReader>,
    ) -> Option<Phase> {
        let departure = loop {
            let input = match intake.next(self.now, &mut self.connections[number].decoder) {
                Inbound::Request(request) => RoomInput::Request(seat, request),
                Inbound::WaitUntil(until) => {
                    self.now = until;
                    continue;
                }
                Inbound::NeedsInput(_) => return Some(Phase::Member(seat, intake)),
                Inbound::Closed(departure) => break departure,
                Inbound::Reply(_) => continue, // protocol 1 has no such thing
            };
            self.room.handle(self.now, input);
        };
        self.room.handle(self.now, RoomInput::Left(seat, departure));
        None
    }

    fn deliver(&mut self) {
        self.room.publish(self.now);
        if self.room.staged_bytes() > 0 {
            // The room announces joins in batches; this server does not wait for further
            // joins.
            self.now = self.room.poll_timeout().map_or(self.now, |due| due.max(self.now));
            self.room.publish(self.now);
        }
        while self.room.poll_output().is_some() {}
        for Connection { cursor, window, written, .. } in &mut self.connections {
            let Some(cursor) = cursor else { continue };
            loop {
                let mut slices = [IoSlice::new(&[]); MAX_IO_SLICES];
                let pending: Vec<u8> = cursor
                    .chunks_vectored(&mut slices)
                    .iter()
                    .flat_map(|slice| slice.to_vec())
                    .collect();
                let taken = pending.len().min(window.unwrap_or(usize::MAX));
                if taken == 0 {
                    break;
                }
                written.extend(&pending[..taken]);
                *window = window.map(|window| window - taken);
                cursor.advance(self.now, taken);
            }
        }
    }
}
