//! Conformance tests: the same contract for every runtime, then the features of
//! the simulator alone.
//!
//! No test depends on real durations, except that a second is longer than about
//! thirty milliseconds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes the helpers of a test file for ordinary code"
)]
#![cfg(any(feature = "smol", feature = "blocking", feature = "sim"))]

#[cfg(feature = "sim")]
mod sim;
#[cfg(any(feature = "smol", feature = "blocking"))]
mod sockets;

use std::{
    io::{ErrorKind, IoSlice},
    net::SocketAddr,
    time::Duration,
};

use cmdchat_core::time::Tick;
use cmdchat_drivers::runtime::{
    AbortHandle, Connection, Dial, Listener, ReadHalf, ReadOutcome, Runtime, WriteHalf,
};
use futures_lite::future;

const MIB: usize = 1024 * 1024;
const SOON: Duration = Duration::from_millis(30);
const LATER: Duration = Duration::from_secs(20);

fn pattern(length: usize, start: u8) -> Vec<u8> {
    (0..length).map(|index| start.wrapping_add((index % 251) as u8)).collect()
}

fn later<R: Runtime>(runtime: &R, wait: Duration) -> Tick {
    runtime.now().saturating_add(wait)
}

/// Spawns a task and returns a channel that receives its result.
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
    let dialed = runtime.dial(std::slice::from_ref(&address), Tick::ZERO.saturating_add(LATER));
    let (accepted, dialed) = future::zip(listener.accept(), dialed).await;
    (dialed.unwrap(), accepted.unwrap())
}

/// Writes `bytes` in many slices, as a connection's writer does.
async fn write_all<W: WriteHalf>(writer: &mut W, bytes: &[u8]) {
    let mut written = 0;
    while written < bytes.len() {
        let slices: Vec<IoSlice<'_>> =
            bytes[written..].chunks(777).take(40).map(IoSlice::new).collect();
        let count = writer.write(&slices, None).await.unwrap();
        assert!(count > 0);
        written += count;
    }
}

async fn read_exactly<R: ReadHalf>(reader: &mut R, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 10_000];
    while bytes.len() < length {
        let room = buffer.len().min(length - bytes.len());
        match reader.read(&mut buffer[..room], None).await.unwrap() {
            ReadOutcome::Data(count) => bytes.extend_from_slice(&buffer[..count]),
            other @ (ReadOutcome::Eof | ReadOutcome::TimedOut) => {
                panic!("{other:?} after {} bytes", bytes.len())
            }
        }
    }
    bytes
}

async fn contract_holds<R: Dial, L: Listener<R>>(runtime: R, mut listener: L, address: SocketAddr) {
    bulk_data_flows_both_ways(&runtime, &mut listener, address).await;
    late_read_loses_no_bytes(&runtime, &mut listener, address).await;
    finish_ends_one_direction(&runtime, &mut listener, address).await;
    abort_unblocks_a_pending_read(&runtime, &mut listener, address).await;
    abort_unblocks_a_pending_write(&runtime, &mut listener, address).await;
    dropping_both_halves_closes(&runtime, &mut listener, address).await;
    accept_can_be_stopped(&runtime, &mut listener, address).await;
    channels_race_against_timers(&runtime).await;
    assert_eq!(runtime.spawn_blocking(|| 6 * 7).await, 42);
}

async fn bulk_data_flows_both_ways<R: Dial, L: Listener<R>>(
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

async fn late_read_loses_no_bytes<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (mut here, mut there) = pair(runtime, listener, address).await;
    let mut buffer = [0; 16];
    let deadline = later(runtime, SOON);
    let timed_out = here.reader.read(&mut buffer, Some(deadline)).await;
    assert_eq!(timed_out.unwrap(), ReadOutcome::TimedOut);
    assert!(runtime.now() >= deadline);

    write_all(&mut there.writer, b"hello").await;
    let in_time = here.reader.read(&mut buffer, Some(later(runtime, LATER))).await;
    assert_eq!(in_time.unwrap(), ReadOutcome::Data(5));

    // Available bytes are returned even after the deadline.
    write_all(&mut there.writer, b"again").await;
    runtime.sleep_until(later(runtime, SOON)).await;
    let at_hand = here.reader.read(&mut buffer, Some(deadline)).await;
    assert_eq!(at_hand.unwrap(), ReadOutcome::Data(5));
    let none = here.reader.read(&mut buffer, Some(deadline)).await;
    assert_eq!(none.unwrap(), ReadOutcome::TimedOut);
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
        assert_eq!(end.unwrap(), ReadOutcome::Eof);
    }
    write_all(&mut there.writer, b"still here").await;
    assert_eq!(read_exactly(&mut here.reader, 10).await, b"still here");
    assert!(here.writer.write(&[IoSlice::new(b"x")], None).await.is_err());
}

async fn abort_unblocks_a_pending_read<R: Dial, L: Listener<R>>(
    runtime: &R,
    listener: &mut L,
    address: SocketAddr,
) {
    let (mut here, mut there) = pair(runtime, listener, address).await;
    let stuck = begin(runtime, async move { here.reader.read(&mut [0; 16], None).await });
    runtime.sleep_until(later(runtime, SOON)).await;
    here.abort.abort();
    here.abort.abort();
    assert_eq!(stuck.recv().await.unwrap().unwrap(), ReadOutcome::Eof);
    let end = there.reader.read(&mut [0; 16], None).await;
    assert_eq!(end.unwrap(), ReadOutcome::Eof);
    assert!(here.writer.write(&[IoSlice::new(b"x")], None).await.is_err());
}

async fn abort_unblocks_a_pending_write<R: Dial, L: Listener<R>>(
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
    here.abort.abort();
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
    assert_eq!(open.unwrap(), ReadOutcome::TimedOut);
    drop(here.writer);
    let closed = there.reader.read(&mut [0; 16], None).await;
    assert_eq!(closed.unwrap(), ReadOutcome::Eof);
    here.abort.abort();
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
    // A connection made after the stop is not lost.
    let (mut here, mut there) = pair(runtime, listener, address).await;
    write_all(&mut here.writer, b"hello").await;
    assert_eq!(read_exactly(&mut there.reader, 5).await, b"hello");
}

async fn channels_race_against_timers<R: Runtime>(runtime: &R) {
    let (sender, receiver) = async_channel::bounded(1);
    let message_by = async |deadline| {
        let message = async { Some(receiver.recv().await.unwrap()) };
        let timed_out = async {
            runtime.sleep_until(deadline).await;
            None
        };
        future::or(message, timed_out).await
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
