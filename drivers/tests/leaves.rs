//! What every runtime promises, asked of each in the same words; then what only
//! the simulator can do.
//!
//! Nothing here depends on how long something really takes, except that a
//! second is longer than some thirty milliseconds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes the helpers of a test file for ordinary code"
)]
#![cfg(any(feature = "smol", feature = "blocking", feature = "sim"))]

use std::{
    io::{ErrorKind, IoSlice},
    net::SocketAddr,
    time::Duration,
};

use cmdchat_core::time::Tick;
use cmdchat_drivers::contract::{
    Connection, Dial, Hangup, Listener, Read, Reader, Runtime, Writer,
};
use futures_lite::future;

const MIB: usize = 1024 * 1024;
const SOON: Duration = Duration::from_millis(30);
const LATER: Duration = Duration::from_secs(20);

fn pattern(length: usize, start: u8) -> Vec<u8> {
    (0..length).map(|index| start.wrapping_add((index % 251) as u8)).collect()
}

fn later<R: Runtime>(runtime: &R, wait: Duration) -> Tick {
    runtime.now().after(wait)
}

/// Runs a task and hands its result over a channel.
fn begin<R: Runtime, T: Send + 'static>(
    runtime: &R,
    task: impl Future<Output = T> + Send + 'static,
) -> async_channel::Receiver<T> {
    let (sender, receiver) = async_channel::bounded(1);
    runtime.spawn(async move {
        let _ = sender.send(task.await).await;
    });
    receiver
}

async fn pair<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) -> (Connection<R>, Connection<R>) {
    let dialed = runtime.dial(std::slice::from_ref(&address), Tick::ZERO.after(LATER));
    let (accepted, dialed) = future::zip(listener.accept(), dialed).await;
    (dialed.unwrap(), accepted.unwrap())
}

/// In slices of uneven length, as a writer pump would.
async fn write_all<W: Writer>(writer: &mut W, bytes: &[u8]) {
    let mut written = 0;
    while written < bytes.len() {
        let slices: Vec<IoSlice<'_>> =
            bytes[written..].chunks(777).take(40).map(IoSlice::new).collect();
        let count = writer.write(&slices, None).await.unwrap();
        assert!(count > 0);
        written += count;
    }
}

async fn read_exactly<R: Reader>(reader: &mut R, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 10_000];
    while bytes.len() < length {
        let room = buffer.len().min(length - bytes.len());
        match reader.read(&mut buffer[..room], None).await.unwrap() {
            Read::Bytes(count) => bytes.extend_from_slice(&buffer[..count]),
            other @ (Read::End | Read::Late) => panic!("{other:?} after {} bytes", bytes.len()),
        }
    }
    bytes
}

async fn contract_holds<R: Dial, L: Listener<R>>(runtime: R, mut listener: L, address: SocketAddr) {
    much_goes_both_ways_at_once(&runtime, &mut listener, address).await;
    a_late_read_loses_nothing(&runtime, &mut listener, address).await;
    finish_ends_one_direction(&runtime, &mut listener, address).await;
    hang_up_frees_a_stuck_reader(&runtime, &mut listener, address).await;
    hang_up_frees_a_stuck_writer(&runtime, &mut listener, address).await;
    dropping_both_halves_closes(&runtime, &mut listener, address).await;
    accept_can_be_stopped(&runtime, &mut listener, address).await;
    channels_and_moments_can_be_raced(&runtime).await;
    assert_eq!(runtime.compute(|| 6 * 7).await, 42);
}

async fn much_goes_both_ways_at_once<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (here, there) = pair(runtime, listener, address).await;
    assert_eq!(here.peer, address);
    let mut readers = Vec::new();
    for (mut connection, start) in [(here, 0), (there, 100)] {
        let mut writer = connection.writer;
        let _writing = begin(runtime, async move {
            write_all(&mut writer, &pattern(MIB, start)).await;
        });
        readers
            .push(begin(runtime, async move { read_exactly(&mut connection.reader, MIB).await }));
    }
    assert!(readers[0].recv().await.unwrap() == pattern(MIB, 100));
    assert!(readers[1].recv().await.unwrap() == pattern(MIB, 0));
}

async fn a_late_read_loses_nothing<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (mut here, mut there) = pair(runtime, listener, address).await;
    let mut buffer = [0; 16];
    let deadline = later(runtime, SOON);
    let late = here.reader.read(&mut buffer, Some(deadline)).await;
    assert_eq!(late.unwrap(), Read::Late);
    assert!(runtime.now() >= deadline);

    write_all(&mut there.writer, b"hello").await;
    let in_time = here.reader.read(&mut buffer, Some(later(runtime, LATER))).await;
    assert_eq!(in_time.unwrap(), Read::Bytes(5));

    // Bytes at hand come before a deadline that has passed.
    write_all(&mut there.writer, b"again").await;
    runtime.sleep_until(later(runtime, SOON)).await;
    let at_hand = here.reader.read(&mut buffer, Some(deadline)).await;
    assert_eq!(at_hand.unwrap(), Read::Bytes(5));
    let none = here.reader.read(&mut buffer, Some(deadline)).await;
    assert_eq!(none.unwrap(), Read::Late);
}

async fn finish_ends_one_direction<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (mut here, mut there) = pair(runtime, listener, address).await;
    write_all(&mut here.writer, b"last words").await;
    here.writer.finish();
    assert_eq!(read_exactly(&mut there.reader, 10).await, b"last words");
    for _ in 0..2 {
        let end = there.reader.read(&mut [0; 16], None).await;
        assert_eq!(end.unwrap(), Read::End);
    }
    write_all(&mut there.writer, b"still here").await;
    assert_eq!(read_exactly(&mut here.reader, 10).await, b"still here");
    assert!(here.writer.write(&[IoSlice::new(b"x")], None).await.is_err());
}

async fn hang_up_frees_a_stuck_reader<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (mut here, mut there) = pair(runtime, listener, address).await;
    let stuck = begin(runtime, async move { here.reader.read(&mut [0; 16], None).await });
    runtime.sleep_until(later(runtime, SOON)).await;
    here.hangup.hang_up();
    here.hangup.hang_up();
    assert_eq!(stuck.recv().await.unwrap().unwrap(), Read::End);
    let end = there.reader.read(&mut [0; 16], None).await;
    assert_eq!(end.unwrap(), Read::End);
    assert!(here.writer.write(&[IoSlice::new(b"x")], None).await.is_err());
}

async fn hang_up_frees_a_stuck_writer<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (mut here, _there_reads_nothing) = pair(runtime, listener, address).await;
    let block = vec![0; 64 * 1024];
    let full = loop {
        let deadline = later(runtime, 4 * SOON);
        match here.writer.write(&[IoSlice::new(&block)], Some(deadline)).await {
            Ok(count) => assert!(count > 0),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::TimedOut);
    let stuck = begin(runtime, async move {
        loop {
            if let Err(error) = here.writer.write(&[IoSlice::new(&block)], None).await {
                return error;
            }
        }
    });
    runtime.sleep_until(later(runtime, SOON)).await;
    assert!(stuck.is_empty());
    here.hangup.hang_up();
    stuck.recv().await.unwrap();
}

async fn dropping_both_halves_closes<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (here, mut there) = pair(runtime, listener, address).await;
    drop(here.reader);
    let deadline = later(runtime, SOON);
    let open = there.reader.read(&mut [0; 16], Some(deadline)).await;
    assert_eq!(open.unwrap(), Read::Late);
    drop(here.writer);
    let closed = there.reader.read(&mut [0; 16], None).await;
    assert_eq!(closed.unwrap(), Read::End);
    here.hangup.hang_up();
}

async fn accept_can_be_stopped<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let at = later(runtime, SOON);
    let clock = runtime.clone();
    runtime.spawn(async move {
        clock.sleep_until(at).await;
        stop.close();
    });
    let accept = async { Some(listener.accept().await) };
    let asked_to_stop = async {
        stopped.recv().await.unwrap_err();
        None
    };
    assert!(future::or(accept, asked_to_stop).await.is_none());
    // Whoever calls meanwhile is not lost.
    let (mut here, mut there) = pair(runtime, listener, address).await;
    write_all(&mut here.writer, b"hello").await;
    assert_eq!(read_exactly(&mut there.reader, 5).await, b"hello");
}

async fn channels_and_moments_can_be_raced<R: Runtime>(runtime: &R) {
    let (sender, receiver) = async_channel::bounded(1);
    let message_by = async |deadline| {
        let message = async { Some(receiver.recv().await.unwrap()) };
        let late = async {
            runtime.sleep_until(deadline).await;
            None
        };
        future::or(message, late).await
    };
    let deadline = later(runtime, SOON);
    assert_eq!(message_by(deadline).await, None);
    assert!(runtime.now() >= deadline);

    let at = later(runtime, SOON);
    let clock = runtime.clone();
    runtime.spawn(async move {
        clock.sleep_until(at).await;
        for number in 1..=3 {
            sender.send(number).await.unwrap();
        }
        future::pending::<()>().await; // keeps the channel open
    });
    for number in 1..=3 {
        assert_eq!(message_by(later(runtime, LATER)).await, Some(number));
    }
    assert!(runtime.now() >= at);
    assert_eq!(message_by(runtime.now()).await, None);
}

#[cfg(any(feature = "smol", feature = "blocking"))]
mod sockets {
    use std::net::{TcpListener, TcpStream};

    use cmdchat_drivers::{contract::Sockets, tcp};

    use super::*;

    fn any_port() -> TcpListener {
        tcp::listen("127.0.0.1:0".parse().unwrap()).unwrap()
    }

    fn closed_port() -> SocketAddr {
        any_port().local_addr().unwrap()
    }

    fn contract<R: Sockets>(runtime: R) {
        let socket = any_port();
        let address = socket.local_addr().unwrap();
        let listener = runtime.listen(socket).unwrap();
        runtime.run(contract_holds(runtime.clone(), listener, address));
    }

    fn dialing<R: Sockets>(runtime: R) {
        let open = any_port();
        let address = open.local_addr().unwrap();
        runtime.run(async {
            let deadline = later(&runtime, LATER);
            let refused = runtime.dial(&[closed_port()], deadline).await.err().unwrap();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            let second = runtime.dial(&[closed_port(), address], deadline).await.unwrap();
            assert_eq!(second.peer, address);
        });
    }

    fn adopting<R: Sockets>(runtime: R) {
        let socket = any_port();
        let stream = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let (there, from) = socket.accept().unwrap();
        runtime.run(async {
            let mut here = runtime.adopt(stream).unwrap();
            let mut there = runtime.adopt(there).unwrap();
            assert_eq!(there.peer, from);
            write_all(&mut here.writer, b"hello").await;
            assert_eq!(read_exactly(&mut there.reader, 5).await, b"hello");
        });
    }

    #[cfg(feature = "smol")]
    mod smol {
        use std::{io::Write as _, thread};

        use cmdchat_drivers::smol::Smol;

        use super::*;

        #[test]
        fn contract() {
            super::contract(Smol::new());
        }

        #[test]
        fn dialing() {
            super::dialing(Smol::new());
        }

        #[test]
        fn adopting() {
            super::adopting(Smol::new());
        }

        /// The peer is on a thread of its own, and always ahead of a reader that
        /// takes a byte at a time.
        #[test]
        fn a_flood_does_not_hold_up_the_others() {
            let socket = any_port();
            let peer = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
            let smol = Smol::new();
            let mut here = smol.adopt(socket.accept().unwrap().0).unwrap();
            let flood = thread::spawn(move || while (&peer).write_all(&[0; 64 * 1024]).is_ok() {});
            smol.run(async {
                let reading = begin(&smol, async move {
                    while let Ok(Read::Bytes(_)) = here.reader.read(&mut [0], None).await {}
                });
                smol.sleep_until(later(&smol, SOON)).await;
                assert!(reading.is_empty());
                here.hangup.hang_up();
                reading.recv().await.unwrap();
            });
            flood.join().unwrap();
        }
    }

    #[cfg(feature = "blocking")]
    mod blocking {
        use cmdchat_drivers::blocking::Blocking;

        #[test]
        fn contract() {
            super::contract(Blocking::new());
        }

        #[test]
        fn dialing() {
            super::dialing(Blocking::new());
        }

        #[test]
        fn adopting() {
            super::adopting(Blocking::new());
        }
    }
}

#[cfg(feature = "sim")]
mod sim {
    use std::sync::{Arc, Mutex};

    use cmdchat_drivers::sim::{Chunk, Lane, Link, Sim};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const MS: Duration = Duration::from_millis(1);

    fn at(elapsed: Duration) -> Tick {
        Tick::from_start(elapsed)
    }

    /// Both ends of a connection over `link`, the caller's first.
    async fn ends(sim: &Sim, link: Link) -> (Connection<Sim>, Connection<Sim>) {
        let mut listener = sim.listen();
        let here = sim.connect(listener.address(), &link).unwrap();
        (here, listener.accept().await.unwrap())
    }

    fn lane(lane: Lane) -> Link {
        Link::both(lane)
    }

    #[test]
    fn contract() {
        let chunks = [Chunk::Whole, Chunk::Bytes(1000), Chunk::Random(7)];
        for (chunk, latency) in chunks.into_iter().zip([Duration::ZERO, 5 * MS, 5 * MS]) {
            let sim = Sim::new();
            let listener = sim.listen();
            let address = listener.address();
            let plain = Lane::default();
            sim.route(address, lane(Lane { latency, chunk, write_chunk: chunk, ..plain }));
            sim.run(contract_holds(sim.clone(), listener, address)).unwrap();
            assert_eq!(sim.computed(), 1);
            sim.drop_tasks();
        }
    }

    #[test]
    fn an_hour_costs_nothing_and_ends_on_time() {
        let sim = Sim::new();
        sim.run(sim.sleep_until(at(HOUR))).unwrap();
        assert_eq!(sim.now(), at(HOUR));
    }

    #[test]
    fn latency_is_kept_in_virtual_time() {
        let sim = Sim::new();
        sim.run(async {
            let up = Lane { latency: 70 * MS, ..Lane::default() };
            let down = Lane { latency: 30 * MS, ..Lane::default() };
            let (mut here, mut there) = ends(&sim, Link { up, down, peer: None }).await;
            assert_eq!(sim.now(), at(70 * MS));
            write_all(&mut there.writer, b"hello").await;
            let early = here.reader.read(&mut [0; 9], Some(at(99 * MS))).await;
            assert_eq!((early.unwrap(), sim.now()), (Read::Late, at(99 * MS)));
            // Arrival and deadline at one moment: the bytes win.
            let on_time = here.reader.read(&mut [0; 9], Some(at(100 * MS))).await;
            assert_eq!((on_time.unwrap(), sim.now()), (Read::Bytes(5), at(100 * MS)));
            here.hangup.hang_up();
            let end = there.reader.read(&mut [0; 9], None).await;
            assert_eq!((end.unwrap(), sim.now()), (Read::End, at(170 * MS)));
        })
        .unwrap();
    }

    #[test]
    fn dialing_takes_a_round_trip_or_is_refused() {
        let sim = Sim::new();
        let listener = sim.listen();
        let address = listener.address();
        let slow = Lane { latency: 50 * MS, ..Lane::default() };
        sim.route(address, lane(slow));
        sim.run(async {
            sim.dial(&[address], at(HOUR)).await.unwrap();
            assert_eq!(sim.now(), at(100 * MS));
            let late = sim.dial(&[address], at(150 * MS)).await.err().unwrap();
            assert_eq!((late.kind(), sim.now()), (ErrorKind::TimedOut, at(150 * MS)));
            drop(listener);
            let refused = sim.dial(&[address], at(HOUR)).await.err().unwrap();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        })
        .unwrap();
    }

    #[test]
    fn a_listener_sees_the_scripted_source() {
        let sim = Sim::new();
        sim.run(async {
            let source = "192.0.2.7:1".parse().unwrap();
            let link = Link { peer: Some(source), ..Link::default() };
            assert_eq!(ends(&sim, link).await.1.peer, source);
            let (one, other) =
                (ends(&sim, Link::default()).await, ends(&sim, Link::default()).await);
            assert!(one.1.peer < other.1.peer);
        })
        .unwrap();
    }

    #[test]
    fn chunks_change_neither_bytes_nor_moments() {
        let small = |chunk| Lane { latency: MS, chunk, write_chunk: chunk, ..Lane::default() };
        for chunk in [Chunk::Whole, Chunk::Bytes(0), Chunk::Bytes(7), Chunk::Random(1)] {
            let sim = Sim::new();
            sim.run(async {
                let (mut here, mut there) = ends(&sim, lane(small(chunk))).await;
                let sent = pattern(20_000, 3);
                write_all(&mut here.writer, &sent).await;
                assert!(read_exactly(&mut there.reader, sent.len()).await == sent);
                assert_eq!(sim.now(), at(2 * MS));
            })
            .unwrap();
        }
    }

    #[test]
    fn a_cut_comes_after_the_bytes_before_it() {
        let sim = Sim::new();
        sim.run(async {
            let up = Lane { latency: 5 * MS, cut_after: Some(8), ..Lane::default() };
            let link = Link { up, ..Link::default() };
            let (mut here, mut there) = ends(&sim, link).await;
            write_all(&mut there.writer, b"welcome").await;
            let slices = [IoSlice::new(b"hello "), IoSlice::new(b"world")];
            assert_eq!(here.writer.write(&slices, None).await.unwrap(), 8);
            let broken = here.writer.write(&slices, None).await.unwrap_err();
            assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
            assert_eq!(read_exactly(&mut here.reader, 7).await, b"welcome");
            let reset = here.reader.read(&mut [0; 9], None).await.unwrap_err();
            assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
            drop(here);

            assert_eq!(read_exactly(&mut there.reader, 8).await, b"hello wo");
            let reset = there.reader.read(&mut [0; 9], None).await.unwrap_err();
            assert_eq!((reset.kind(), sim.now()), (ErrorKind::ConnectionReset, at(10 * MS)));
            let broken = there.writer.write(&slices, None).await.unwrap_err();
            assert_eq!(broken.kind(), ErrorKind::BrokenPipe);
        })
        .unwrap();
    }

    #[test]
    fn no_reset_travels_over_a_cut_wire() {
        let sim = Sim::new();
        sim.run(async {
            let up = Lane { cut_after: Some(5), ..Lane::default() };
            let link = Link { up, ..Link::default() };
            let (mut here, mut there) = ends(&sim, link).await;
            write_all(&mut there.writer, b"nobody reads this").await;
            write_all(&mut here.writer, b"hello").await;
            drop(here);
            assert_eq!(read_exactly(&mut there.reader, 5).await, b"hello");
        })
        .unwrap();
    }

    #[test]
    fn writes_wait_for_room() {
        let sim = Sim::new();
        sim.run(async {
            let narrow = Lane { latency: 5 * MS, capacity: 10, ..Lane::default() };
            let (mut here, mut there) = ends(&sim, lane(narrow)).await;
            let slices = [IoSlice::new(b"0123456789abcdef")];
            assert_eq!(here.writer.write(&slices, None).await.unwrap(), 10);
            let full = here.writer.write(&slices, Some(at(HOUR))).await.unwrap_err();
            assert_eq!((full.kind(), sim.now()), (ErrorKind::TimedOut, at(HOUR)));
            assert_eq!(read_exactly(&mut there.reader, 4).await, b"0123");
            assert_eq!(here.writer.write(&slices, None).await.unwrap(), 4);
        })
        .unwrap();
    }

    #[test]
    fn closing_with_unread_input_destroys_the_last_words() {
        let sim = Sim::new();
        let last_words = async |see_out: bool| {
            let lane_ = Lane { latency: 5 * MS, ..Lane::default() };
            let (mut here, mut there) = ends(&sim, lane(lane_)).await;
            write_all(&mut here.writer, b"a question").await;
            write_all(&mut there.writer, b"go away").await;
            there.writer.finish();
            if see_out {
                read_exactly(&mut there.reader, 10).await;
            }
            drop(there);
            sim.sleep_until(later(&sim, HOUR)).await;
            here.reader.read(&mut [0; 99], None).await.map_err(|error| error.kind())
        };
        let outcome = sim.run(last_words(true)).unwrap();
        assert_eq!(outcome, Ok(Read::Bytes(7)));
        let outcome = sim.run(last_words(false)).unwrap();
        assert_eq!(outcome, Err(ErrorKind::ConnectionReset));
    }

    #[test]
    fn who_writes_on_to_a_closed_end_is_told_and_never_stuck() {
        let sim = Sim::new();
        sim.run(async {
            let slow = Lane { latency: 5 * MS, ..Lane::default() };
            let (here, mut there) = ends(&sim, lane(slow)).await;
            drop(here);
            let block = [0; 50_000];
            let error = loop {
                if let Err(error) = there.writer.write(&[IoSlice::new(&block)], None).await {
                    break error;
                }
            };
            // The bytes there and the reset back.
            assert_eq!((error.kind(), sim.now()), (ErrorKind::BrokenPipe, at(15 * MS)));
        })
        .unwrap();
    }

    #[test]
    fn a_deadlock_is_reported() {
        let sim = Sim::new();
        sim.spawn(future::pending());
        let (_sender, receiver) = async_channel::bounded::<()>(1);
        let stuck = async {
            sim.sleep_until(at(HOUR)).await;
            receiver.recv().await
        };
        let deadlock = sim.run(stuck).unwrap_err();
        assert_eq!((deadlock.at, deadlock.tasks), (at(HOUR), 1));
        // The world goes on.
        sim.drop_tasks();
        assert_eq!(sim.run(async { 1 }), Ok(1));
    }

    /// Six talkers at different distances, one listener, and the order in which
    /// everything was heard.
    fn babel() -> Vec<(Tick, u16, usize)> {
        let sim = Sim::new();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut listener = sim.listen();
        let address = listener.address();
        sim.run(async {
            for number in 0_u16..6 {
                let up = Lane {
                    latency: MS * u32::from(number % 3),
                    chunk: Chunk::Random(number.into()),
                    write_chunk: Chunk::Random(99),
                    capacity: 3000,
                    cut_after: None,
                };
                let mut here = sim.connect(address, &Link { up, ..Link::default() }).unwrap();
                sim.spawn(async move { write_all(&mut here.writer, &pattern(9000, 0)).await });
                let mut there = listener.accept().await.unwrap();
                let (clock, heard) = (sim.clone(), Arc::clone(&heard));
                sim.spawn(async move {
                    let mut buffer = [0; 500];
                    while let Ok(Read::Bytes(count)) = there.reader.read(&mut buffer, None).await {
                        heard.lock().unwrap().push((clock.now(), there.peer.port(), count));
                        clock.sleep_until(later(&clock, MS)).await;
                    }
                });
            }
            sim.sleep_until(at(HOUR)).await;
        })
        .unwrap();
        let heard = heard.lock().unwrap();
        assert_eq!(heard.iter().map(|(_, _, count)| count).sum::<usize>(), 6 * 9000);
        heard.clone()
    }

    #[test]
    fn two_runs_are_the_same() {
        assert_eq!(babel(), babel());
    }
}
