//! Hostile peers on real sockets while three honest members talk. All messages arrive in
//! order and memory stays bounded. The worst delay is printed, not asserted, because
//! machines differ.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cmdchat_core::{
    client::{self, Login},
    handshake::{Handshake as _, Job as _, Step},
    server::Limits,
    time::{Epoch, Tick},
    transport::line_decoder::LineDecoder,
    username::Username,
};
use cmdchat_tests::{Kind, Observed, PASSWORD, Peer, TestHost, password, seed};

fn dial(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// Logs in and leaves the rest of the connection to the caller. Retries while other logins
/// fill all slots, as a user would.
fn member(port: u16, name: &str) -> TcpStream {
    for _ in 0..100 {
        if let Some(stream) = try_member(port, name) {
            return stream;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{name} never got in");
}

fn try_member(port: u16, name: &str) -> Option<TcpStream> {
    let mut stream = dial(port);
    let mut decoder = LineDecoder::new(0);
    let name = Username::new(name).expect("a proper name");
    let epoch = Epoch::new(jiff::Timestamp::UNIX_EPOCH);
    let guest = Arc::new(client::ClientConfig::new(name, password(PASSWORD), epoch).v1_only());
    let mut login = Login::new(guest, Tick::ZERO, Duration::from_secs(60), &seed(9));
    loop {
        let mut out = Vec::new();
        let step = login.advance(Tick::ZERO, &mut decoder, &mut out).ok()?;
        for frame in out {
            stream.write_all(frame.bytes()).ok()?;
        }
        login = match step {
            Step::Compute(work) => work.run(),
            Step::WaitUntil(_, login) => login,
            Step::NeedsInput(login) => {
                let mut byte = [0];
                stream.read_exact(&mut byte).ok()?;
                decoder.feed(&byte);
                login
            }
            Step::Done(_) => return Some(stream),
        };
    }
}

/// Writes `bytes` until the server stops reading, and returns the number of bytes written.
fn pour(mut stream: &TcpStream, bytes: usize) -> usize {
    let block = vec![b'x'; 64 << 10];
    let mut poured = 0;
    while poured < bytes {
        match stream.write(&block) {
            Ok(count) => poured += count,
            Err(_) => break,
        }
    }
    poured
}

/// Asserts that the server has closed the connection. If it answered before that, the
/// answer must be `answer`.
fn ends_with(mut stream: TcpStream, answer: &str) {
    let mut said = Vec::new();
    let mut block = [0; 4096];
    loop {
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(count) => said.extend_from_slice(&block[..count]),
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the server never closed");
                break;
            }
        }
    }
    assert!(String::from_utf8_lossy(&said).contains(answer), "{}", String::from_utf8_lossy(&said));
}

/// Returns the resident memory in bytes of this process, which runs the server.
fn resident() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<usize>().ok()? * 4096)
}

const HONEST: [&str; 3] = ["anna", "berta", "clara"];

fn seated(port: u16) -> [Peer; 3] {
    let mut guests = HONEST.map(|name| Peer::join(Kind::Blocking, port, name));
    // A client that is logged in is not yet in the room: earlier messages are history to
    // it.
    for guest in &mut guests {
        assert!(matches!(guest.sees(), Observed::Ready(..)));
    }
    guests
}

/// Lets three members talk in turns until stopped; each checks every line. Returns the
/// number of messages and the worst delay.
#[expect(clippy::disallowed_methods, reason = "it measures a real delay")]
fn honest(mut guests: [Peer; 3], stop: &AtomicBool) -> (usize, Duration) {
    let (mut said, mut worst) = (0, Duration::ZERO);
    let mut heard = [0; 3];
    while !stop.load(Ordering::Relaxed) {
        let (speaker, text) = (said % 3, format!("message {said}"));
        let begun = Instant::now();
        guests[speaker].say(&text);
        for (guest, heard) in guests.iter_mut().zip(&mut heard) {
            loop {
                match guest.sees() {
                    Observed::Said(name, text) if HONEST.contains(&name.as_str()) => {
                        let expected = (HONEST[*heard % 3].to_owned(), format!("message {heard}"));
                        assert_eq!((name, text), expected, "in order, and none missing");
                        *heard += 1;
                        break;
                    }
                    Observed::Other(what) => panic!("{what}"),
                    Observed::Said(..)
                    | Observed::Ready(..)
                    | Observed::Joined(_)
                    | Observed::Left(_)
                    | Observed::Cleared => {}
                }
            }
        }
        worst = worst.max(begun.elapsed());
        said += 1;
        thread::sleep(Duration::from_millis(20));
    }
    (said, worst)
}

fn while_three_talk(kind: Kind, limits: Limits, attack: impl FnOnce(u16) + Send + 'static) {
    // Tests run one at a time, because two floods would starve all clients on a small
    // machine.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let host = TestHost::start(kind, limits);
    let stop = AtomicBool::new(false);
    // Members join before the attack, because full login slots may delay new clients.
    let guests = seated(host.port);
    thread::scope(|scope| {
        let talk = scope.spawn(|| honest(guests, &stop));
        let attacked = thread::spawn(move || attack(host.port)).join();
        stop.store(true, Ordering::Relaxed);
        attacked.expect("the attack went as described");
        let (said, worst) = talk.join().expect("nobody among the honest noticed");
        println!("{kind:?}: {said} messages, the slowest heard by all three after {worst:?}");
        assert!(said > 0);
    });
}

/// Number of messages of 40,000 bytes from the flooding member.
const LOUD: usize = 200;

/// Floods from one member while another does not read; the flooder receives all its echoes.
/// Returns the connection of the non-reader.
fn flood_with_one_non_reader(port: u16) -> TcpStream {
    let deaf = member(port, "deaf");
    // A small buffer, so that the operating system does not accept megabytes for the
    // non-reader.
    socket2::SockRef::from(&deaf).set_recv_buffer_size(64 << 10).expect("a buffer size");
    let flooder = member(port, "loud");
    let line = format!("{{\"type\":\"message\",\"text\":\"{}\"}}\n", "A".repeat(40_000));
    let mut writer = flooder.try_clone().expect("a second handle");
    let flooding = thread::spawn(move || {
        for _ in 0..LOUD {
            if writer.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
        let _ = writer.shutdown(Shutdown::Write);
    });
    assert_eq!(floods(&flooder).count(), LOUD, "every message of the flooder came back");
    flooding.join().expect("the flooder is honest, only loud");
    deaf
}

/// Returns the flooder's messages until the connection ends or is idle for a minute.
fn floods(stream: &TcpStream) -> impl Iterator<Item = String> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.filter(|line| line.contains("\"AAAA"))
}

fn attack_everything(port: u16) {
    // A silent peer, and one that sends a byte a second, run during all that follows.
    let silent = dial(port);
    let dribble = thread::spawn(move || {
        let mut stream = dial(port);
        for _ in 0..20 {
            if stream.write_all(b"{").is_err() {
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
        panic!("the server waited for a byte a second");
    });

    // 32 MiB without a line feed, before and after the login.
    let before = resident();
    let stream = dial(port);
    let _ = pour(&stream, 32 << 20);
    ends_with(stream, "");
    let stream = member(port, "flood");
    let _ = pour(&stream, 32 << 20);
    ends_with(stream, "init");
    if let Some((before, after)) = before.zip(resident()) {
        let grown = after.saturating_sub(before);
        println!("64 MiB without a line feed: memory grew by {} KiB", grown >> 10);
        assert!(grown < 16 << 20, "{grown} bytes");
    }

    // 200,000 brackets, before and after the login.
    let brackets = "[".repeat(200_000);
    let stream = dial(port);
    let _ = writeln!(&stream, "{brackets}");
    ends_with(stream, "");
    let mut stream = member(port, "brackets");
    stream
        .write_all(format!("{{\"type\":\"message\",\"text\":{}\n", "[".repeat(60_000)).as_bytes())
        .expect("read");
    stream.write_all(b"{\"type\":\"message\",\"text\":\"alive\"}\n").expect("still read");
    stream.shutdown(Shutdown::Write).expect("open");
    ends_with(stream, "alive");

    // Error lines arrive although more was sent than the server read.
    let mut stream = dial(port);
    let _ = stream.write_all(b"hello\n");
    let _ = stream.write_all(&[b'x'; 8_000]);
    ends_with(stream, "Invalid JSON");

    // Hundreds of connections that end at once, in every way.
    for n in 0..300 {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        if let (Ok(mut stream), 1) = (stream, n % 3) {
            let _ =
                stream.write_all(b"{\"cmd\":\"srp_init\",\"username\":\"x\",\"A\":\"AgICAg==\"}\n");
        }
    }

    // When the non-reader is dropped depends on the operating system's buffers; the
    // simulator's scripts test the exact rule.
    drop(flood_with_one_non_reader(port));

    dribble.join().expect("closed at the login timeout");
    ends_with(silent, "");
}

/// Uses a short login timeout of five seconds.
fn members_survive_hostile_clients_on(kind: Kind) {
    let limits = Limits {
        login_timeout: Duration::from_secs(5),
        // Unoptimised clients on a busy machine may lag more than usual.
        max_backlog: Some(4 << 20),
        ..Limits::default()
    };
    while_three_talk(kind, limits, attack_everything);
}

#[test]
fn smol_members_survive_hostile_clients() {
    members_survive_hostile_clients_on(Kind::Smol);
}

#[test]
fn blocking_members_survive_hostile_clients() {
    members_survive_hostile_clients_on(Kind::Blocking);
}

/// Uses a room that never drops slow members, to show that the others do not depend on it.
fn non_reader_does_not_block_others_on(kind: Kind) {
    let limits = Limits { max_backlog: None, stall_timeout: None, ..Limits::default() };
    while_three_talk(kind, limits, |port| {
        let deaf = flood_with_one_non_reader(port);
        let heard = floods(&deaf).take(LOUD).count();
        assert_eq!(heard, LOUD, "it is owed every word, and gets it once it reads");
    });
}

#[test]
fn smol_non_reader_does_not_block_others() {
    non_reader_does_not_block_others_on(Kind::Smol);
}

#[test]
fn blocking_non_reader_does_not_block_others() {
    non_reader_does_not_block_others_on(Kind::Blocking);
}
