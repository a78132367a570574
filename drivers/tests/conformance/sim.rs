//! Conformance of the simulator, and tests of the features only it has.

use std::sync::{Arc, Mutex};

use cmdchat_drivers::runtime::sim::{ChunkSize, DirectionConfig, LinkConfig, Sim};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const MS: Duration = Duration::from_millis(1);

fn at(elapsed: Duration) -> Tick {
    Tick::from_start(elapsed)
}

/// Returns both ends of a connection over `link`, the caller's first.
async fn ends(sim: &Sim, link: LinkConfig) -> (Connection<Sim>, Connection<Sim>) {
    let mut listener = sim.listen();
    let here = sim.connect(listener.address(), &link).unwrap();
    (here, listener.accept().await.unwrap())
}

fn lane(lane: DirectionConfig) -> LinkConfig {
    LinkConfig::both(lane)
}

#[test]
fn runtime_contract() {
    let chunks = [ChunkSize::Whole, ChunkSize::Bytes(1000), ChunkSize::Random(7)];
    for (chunk, latency) in chunks.into_iter().zip([Duration::ZERO, 5 * MS, 5 * MS]) {
        let sim = Sim::new();
        let listener = sim.listen();
        let address = listener.address();
        let plain = DirectionConfig::default();
        sim.route(address, lane(DirectionConfig { latency, chunk, write_chunk: chunk, ..plain }));
        sim.run(contract_holds(sim.clone(), listener, address)).unwrap();
        assert_eq!(sim.compute_count(), 1);
        sim.drop_tasks();
    }
}

#[test]
fn sleep_ends_at_the_exact_virtual_time() {
    let sim = Sim::new();
    sim.run(sim.sleep_until(at(HOUR))).unwrap();
    assert_eq!(sim.now(), at(HOUR));
}

#[test]
fn latency_delays_delivery_in_virtual_time() {
    let sim = Sim::new();
    sim.run(async {
        let up = DirectionConfig { latency: 70 * MS, ..DirectionConfig::default() };
        let down = DirectionConfig { latency: 30 * MS, ..DirectionConfig::default() };
        let (mut here, mut there) = ends(&sim, LinkConfig { up, down, peer: None }).await;
        assert_eq!(sim.now(), at(70 * MS));
        write_all(&mut there.writer, b"hello").await;
        let early = here.reader.read(&mut [0; 9], Some(at(99 * MS))).await;
        assert_eq!((early.unwrap(), sim.now()), (ReadOutcome::TimedOut, at(99 * MS)));
        // Arrival and deadline at the same instant: the bytes win.
        let on_time = here.reader.read(&mut [0; 9], Some(at(100 * MS))).await;
        assert_eq!((on_time.unwrap(), sim.now()), (ReadOutcome::Data(5), at(100 * MS)));
        here.abort.abort();
        let end = there.reader.read(&mut [0; 9], None).await;
        assert_eq!((end.unwrap(), sim.now()), (ReadOutcome::Eof, at(170 * MS)));
    })
    .unwrap();
}

#[test]
fn dial_takes_one_round_trip_or_fails() {
    let sim = Sim::new();
    let listener = sim.listen();
    let address = listener.address();
    let slow = DirectionConfig { latency: 50 * MS, ..DirectionConfig::default() };
    sim.route(address, lane(slow));
    sim.run(async {
        sim.dial(&[address], at(HOUR)).await.unwrap();
        assert_eq!(sim.now(), at(100 * MS));
        let result = sim.dial(&[address], at(150 * MS)).await.err().unwrap();
        assert_eq!((result.kind(), sim.now()), (ErrorKind::TimedOut, at(150 * MS)));
        drop(listener);
        let refused = sim.dial(&[address], at(HOUR)).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    })
    .unwrap();
}

#[test]
fn listener_reports_the_scripted_peer_address() {
    let sim = Sim::new();
    sim.run(async {
        let source = "192.0.2.7:1".parse().unwrap();
        let link = LinkConfig { peer: Some(source), ..LinkConfig::default() };
        assert_eq!(ends(&sim, link).await.1.peer, source);
        let (one, other) =
            (ends(&sim, LinkConfig::default()).await, ends(&sim, LinkConfig::default()).await);
        assert!(one.1.peer < other.1.peer);
    })
    .unwrap();
}

#[test]
fn chunking_preserves_bytes_at_equal_times() {
    let small = |chunk| DirectionConfig {
        latency: MS,
        chunk,
        write_chunk: chunk,
        ..DirectionConfig::default()
    };
    for chunk in [ChunkSize::Whole, ChunkSize::Bytes(0), ChunkSize::Bytes(7), ChunkSize::Random(1)]
    {
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
fn cut_delivers_the_bytes_before_it() {
    let sim = Sim::new();
    sim.run(async {
        let up =
            DirectionConfig { latency: 5 * MS, cut_after: Some(8), ..DirectionConfig::default() };
        let link = LinkConfig { up, ..LinkConfig::default() };
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
fn cut_connection_carries_no_reset() {
    let sim = Sim::new();
    sim.run(async {
        let up = DirectionConfig { cut_after: Some(5), ..DirectionConfig::default() };
        let link = LinkConfig { up, ..LinkConfig::default() };
        let (mut here, mut there) = ends(&sim, link).await;
        write_all(&mut there.writer, b"nobody reads this").await;
        write_all(&mut here.writer, b"hello").await;
        drop(here);
        assert_eq!(read_exactly(&mut there.reader, 5).await, b"hello");
    })
    .unwrap();
}

#[test]
fn writes_block_when_the_buffer_is_full() {
    let sim = Sim::new();
    sim.run(async {
        let narrow =
            DirectionConfig { latency: 5 * MS, capacity: 10, ..DirectionConfig::default() };
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
fn closing_with_unread_input_resets_the_peer() {
    let sim = Sim::new();
    let last_words = async |see_out: bool| {
        let lane_ = DirectionConfig { latency: 5 * MS, ..DirectionConfig::default() };
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
    assert_eq!(outcome, Ok(ReadOutcome::Data(7)));
    let outcome = sim.run(last_words(false)).unwrap();
    assert_eq!(outcome, Err(ErrorKind::ConnectionReset));
}

#[test]
fn writing_to_a_closed_peer_fails_with_broken_pipe() {
    let sim = Sim::new();
    sim.run(async {
        let slow = DirectionConfig { latency: 5 * MS, ..DirectionConfig::default() };
        let (here, mut there) = ends(&sim, lane(slow)).await;
        drop(here);
        let block = [0; 50_000];
        let error = loop {
            if let Err(error) = there.writer.write(&[IoSlice::new(&block)], None).await {
                break error;
            }
        };
        // Accepted at 5 ms, then 5 ms for the bytes and 5 ms for the reset.
        assert_eq!((error.kind(), sim.now()), (ErrorKind::BrokenPipe, at(15 * MS)));
    })
    .unwrap();
}

#[test]
fn deadlock_is_reported() {
    let sim = Sim::new();
    sim.spawn(future::pending());
    let (_sender, receiver) = async_channel::bounded::<()>(1);
    let stuck = async {
        sim.sleep_until(at(HOUR)).await;
        receiver.recv().await
    };
    let deadlock = sim.run(stuck).unwrap_err();
    assert_eq!((deadlock.at, deadlock.tasks), (at(HOUR), 1));
    // The simulator remains usable.
    sim.drop_tasks();
    assert_eq!(sim.run(async { 1 }), Ok(1));
}

/// Runs six senders with different latencies against one listener. Returns every
/// read in order: time, sender's port and byte count.
fn babel() -> Vec<(Tick, u16, usize)> {
    let sim = Sim::new();
    let received = Arc::new(Mutex::new(Vec::new()));
    let mut listener = sim.listen();
    let address = listener.address();
    sim.run(async {
        for number in 0_u16..6 {
            let up = DirectionConfig {
                latency: MS * u32::from(number % 3),
                chunk: ChunkSize::Random(number.into()),
                write_chunk: ChunkSize::Random(99),
                capacity: 3000,
                cut_after: None,
            };
            let mut here =
                sim.connect(address, &LinkConfig { up, ..LinkConfig::default() }).unwrap();
            sim.spawn(async move { write_all(&mut here.writer, &pattern(9000, 0)).await });
            let mut there = listener.accept().await.unwrap();
            let (clock, received) = (sim.clone(), Arc::clone(&received));
            sim.spawn(async move {
                let mut buffer = [0; 500];
                while let Ok(ReadOutcome::Data(count)) = there.reader.read(&mut buffer, None).await
                {
                    received.lock().unwrap().push((clock.now(), there.peer.port(), count));
                    clock.sleep_until(later(&clock, MS)).await;
                }
            });
        }
        sim.sleep_until(at(HOUR)).await;
    })
    .unwrap();
    let received = received.lock().unwrap();
    assert_eq!(received.iter().map(|(_, _, count)| count).sum::<usize>(), 6 * 9000);
    received.clone()
}

#[test]
fn simulation_is_deterministic() {
    assert_eq!(babel(), babel());
}
