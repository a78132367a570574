//! A TCP proxy between a client and its server that can hold lines back and cut
//! the connection.

use std::{
    io::{self, Read, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::poll_until;

/// Forwards connections to the server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<State>,
}

/// Number of lines that is never reached.
const NEVER: usize = usize::MAX;

struct State {
    /// Number of client lines after which the proxy holds the next ones.
    holds_after: AtomicUsize,
    /// The next bytes from the client reset the connection.
    cuts: AtomicBool,
    /// Number of client lines on one connection after which the proxy closes it.
    closes_after: AtomicUsize,
    /// Bytes that the client has written.
    said: Mutex<Vec<u8>>,
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            holds_after: NEVER.into(),
            cuts: false.into(),
            closes_after: NEVER.into(),
            said: Mutex::default(),
        });
        let passing = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let passing = Arc::clone(&passing);
                thread::spawn(move || passing.carry(client?, server));
            }
        });
        Self { port, state }
    }

    /// Holds all further lines from the client.
    pub(crate) fn hold(&self) {
        self.hold_after(0);
    }

    /// Forwards `lines` client lines in total and holds all further ones.
    pub(crate) fn hold_after(&self, lines: usize) {
        self.state.holds_after.store(lines, Ordering::SeqCst);
    }

    /// Forwards the held lines and all further ones.
    pub(crate) fn release(&self) {
        self.hold_after(NEVER);
    }

    /// Closes each connection after `lines` client lines.
    pub(crate) fn close_after(&self, lines: usize) {
        self.state.closes_after.store(lines, Ordering::SeqCst);
    }

    /// Resets the connection at the next bytes from the client, as a failing
    /// network or machine does.
    pub(crate) fn cut_at_next_word(&self) {
        self.state.cuts.store(true, Ordering::SeqCst);
    }

    /// Stops cutting, so new connections work.
    pub(crate) fn mend(&self) {
        self.state.cuts.store(false, Ordering::SeqCst);
    }

    /// Returns the number of lines that the client has written.
    pub(crate) fn lines(&self) -> usize {
        self.state.lines()
    }

    /// Returns everything that the client has written.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.state.said()).into_owned()
    }
}

impl State {
    fn carry(self: Arc<Self>, client: TcpStream, server: u16) -> io::Result<()> {
        let server = TcpStream::connect(("127.0.0.1", server))?;
        let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
        let cutting = Arc::clone(&self);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            if !cutting.cuts.load(Ordering::SeqCst) {
                let _ = to.shutdown(Shutdown::Write);
            }
        });
        self.pass(&client, &server)
    }

    fn pass(&self, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let mut lines = 0;
        loop {
            client.peek(&mut buffer)?;
            if self.cuts.load(Ordering::SeqCst) {
                // Closing a socket with unread bytes in it resets the connection.
                return server.shutdown(Shutdown::Both);
            }
            let count = client.read(&mut buffer)?;
            let bytes = &buffer[..count];
            let holds = self.holds();
            self.note(bytes);
            if count == 0 {
                return server.shutdown(Shutdown::Write);
            }
            if holds {
                let mut held = bytes.to_vec();
                self.keep(client, &mut held)?;
                server.write_all(&held)?;
            } else {
                server.write_all(bytes)?;
            }
            lines += line_ends(bytes);
            if lines >= self.closes_after.load(Ordering::SeqCst) {
                return server.shutdown(Shutdown::Both);
            }
        }
    }

    /// Returns true if the next bytes are to be held.
    fn holds(&self) -> bool {
        self.lines() >= self.holds_after.load(Ordering::SeqCst)
    }

    fn lines(&self) -> usize {
        line_ends(&self.said())
    }

    fn said(&self) -> MutexGuard<'_, Vec<u8>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, bytes: &[u8]) {
        self.said().extend(bytes);
    }

    /// Buffers the client's bytes in `held` until they are released.
    fn keep(&self, mut client: &TcpStream, held: &mut Vec<u8>) -> io::Result<()> {
        client.set_read_timeout(Some(Duration::from_millis(10)))?;
        let mut buffer = [0; 4096];
        poll_until("release", || {
            while let Ok(count @ 1..) = client.read(&mut buffer) {
                held.extend_from_slice(&buffer[..count]);
                self.note(&buffer[..count]);
            }
            !self.holds()
        });
        client.set_read_timeout(None)
    }
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
