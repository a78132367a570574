//! State machine of one scripted connection. Input: bytes, instants and wakers.
//! Output: bytes, end of file or reset, and the next instant of a state change.
//!
//! A connection has two sides, and one pipe in each direction. Bytes written into
//! a pipe become readable at the other side in order, after the configured latency.
//! A pipe ends with an end of file or a reset.
//!
//! As with TCP, a closed side answers bytes that still arrive with a reset. The
//! reset destroys all data that the peer has not read yet. A program that closes
//! too early therefore loses its final frames here too.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, Read as _},
    task::Waker,
};

use cmdchat_core::time::Tick;

use super::network::{DirectionConfig, LinkConfig};
use crate::runtime::ReadOutcome;

/// One side of a connection, as the index of its outgoing pipe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side(usize);

impl Side {
    pub(super) const CALLER: Self = Self(0);
    pub(super) const LISTENER: Self = Self(1);

    pub(super) const fn other(self) -> Self {
        Self(1 - self.0)
    }
}

#[derive(Debug)]
pub(super) struct Duplex {
    /// Indexed by the side that writes.
    pipes: [Pipe; 2],
    /// Instant from which a side can neither read nor write.
    reset: [Option<Tick>; 2],
}

#[derive(Debug)]
struct Pipe {
    lane: DirectionConfig,
    /// Bytes written but not read; the first `arrived` bytes are readable.
    bytes: VecDeque<u8>,
    arrived: usize,
    /// Bytes in flight: arrival time and count.
    flights: VecDeque<(Tick, usize)>,
    /// Total bytes accepted so far; `lost` counts those accepted after the reader closed.
    written: u64,
    lost: usize,
    /// The writing side has finished.
    finished: bool,
    /// End of the pipe, after the last byte and not before this instant.
    ending: Option<(Tick, PipeEnd)>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PipeEnd {
    Fin,
    Reset,
}

impl Duplex {
    pub(super) fn new(link: &LinkConfig, now: Tick) -> Self {
        let mut wire = Self { pipes: [link.up, link.down].map(Pipe::new), reset: [None; 2] };
        wire.cut_if_due(Side::CALLER, now);
        wire.cut_if_due(Side::LISTENER, now);
        wire
    }

    /// Returns the pipe into `end` and the pipe out of it.
    fn pipes(&mut self, end: Side) -> (&mut Pipe, &mut Pipe) {
        let [a, b] = &mut self.pipes;
        if end.0 == 0 { (b, a) } else { (a, b) }
    }

    /// Reads into `buffer`. If there is nothing to read yet, fails with the next
    /// known instant at which that can change.
    pub(super) fn read(
        &mut self,
        end: Side,
        now: Tick,
        buffer: &mut [u8],
        waker: &Waker,
    ) -> Result<io::Result<ReadOutcome>, Option<Tick>> {
        let reset = self.reset[end.0];
        if reset.is_some_and(|at| at <= now) {
            return Ok(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let (pipe, _) = self.pipes(end);
        pipe.land(now);
        if pipe.arrived > 0 {
            let count = pipe.take(buffer);
            return Ok(Ok(ReadOutcome::Data(count)));
        }
        match pipe.ending {
            Some((at, ending)) if at <= now => Ok(match ending {
                PipeEnd::Fin => Ok(ReadOutcome::Eof),
                PipeEnd::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            }),
            ending => {
                pipe.reader = Some(waker.clone());
                let flight = pipe.flights.front().map(|&(at, _)| at);
                let next = earlier(flight, ending.map(|(at, _)| at));
                Err(earlier(next, reset))
            }
        }
    }

    /// Writes a prefix of `slices`. If the pipe is full, fails with the next known
    /// instant at which that can change.
    pub(super) fn write(
        &mut self,
        end: Side,
        now: Tick,
        slices: &[IoSlice<'_>],
        waker: &Waker,
    ) -> Result<io::Result<usize>, Option<Tick>> {
        let reset = self.reset[end.0];
        let (incoming, pipe) = self.pipes(end);
        let broken = match incoming.ending {
            Some((at, PipeEnd::Reset)) => earlier(reset, Some(at)),
            Some((_, PipeEnd::Fin)) | None => reset,
        };
        if pipe.finished || broken.is_some_and(|at| at <= now) {
            return Ok(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = pipe.room();
        if room == 0 {
            pipe.writer = Some(waker.clone());
            return Err(broken);
        }
        let mut left = room.min(pipe.lane.write_chunk.next());
        let mut count = 0;
        for slice in slices {
            let accepted = &slice[..slice.len().min(left)];
            pipe.bytes.extend(accepted);
            left -= accepted.len();
            count += accepted.len();
        }
        pipe.written += count as u64;
        let round_trip = pipe.lane.latency.saturating_add(incoming.lane.latency);
        if pipe.ending.is_some() {
            // The other side has closed: the bytes are lost, and a reset comes back.
            pipe.bytes.truncate(pipe.bytes.len() - count);
            pipe.lost += count;
            if broken.is_none() {
                self.reset(end, now.saturating_add(round_trip));
            }
        } else {
            pipe.depart(now, count);
            self.cut_if_due(end, now);
        }
        Ok(Ok(count))
    }

    /// Ends the outgoing direction of `end`.
    pub(super) fn finish(&mut self, end: Side, now: Tick) {
        let (_, pipe) = self.pipes(end);
        pipe.finished = true;
        let arrival = now.saturating_add(pipe.lane.latency);
        pipe.ending.get_or_insert((arrival, PipeEnd::Fin));
        pipe.wake();
    }

    /// Closes both directions of `end`. Unread input causes a reset of its peer.
    pub(super) fn close(&mut self, end: Side, now: Tick) {
        self.finish(end, now);
        self.reset[end.0] = None;
        let (incoming, outgoing) = self.pipes(end);
        let arrival = now.saturating_add(outgoing.lane.latency);
        // A cut connection carries no reset.
        let whole = outgoing.ending.is_none_or(|(_, ending)| ending == PipeEnd::Fin);
        let unread = !incoming.bytes.is_empty();
        incoming.stop(now, PipeEnd::Fin);
        if whole && unread {
            self.reset(end.other(), arrival);
        }
    }

    /// Breaks the connection if the bytes written by `end` have reached `cut_after`.
    fn cut_if_due(&mut self, end: Side, now: Tick) {
        let (incoming, outgoing) = self.pipes(end);
        if outgoing.lane.cut_after.is_some_and(|limit| outgoing.written >= limit) {
            outgoing.finished = true;
            outgoing.ending = Some((now.saturating_add(outgoing.lane.latency), PipeEnd::Reset));
            outgoing.wake();
            incoming.stop(now, PipeEnd::Reset);
        }
    }

    fn reset(&mut self, end: Side, at: Tick) {
        self.reset[end.0].get_or_insert(at);
        self.pipes.iter_mut().for_each(Pipe::wake);
    }
}

impl Pipe {
    fn new(lane: DirectionConfig) -> Self {
        Self {
            lane,
            bytes: VecDeque::new(),
            arrived: 0,
            flights: VecDeque::new(),
            written: 0,
            lost: 0,
            finished: false,
            ending: None,
            reader: None,
            writer: None,
        }
    }

    fn room(&self) -> usize {
        let held = self.bytes.len() + self.lost;
        let room = self.lane.capacity.max(1).saturating_sub(held);
        let uncut = self.lane.cut_after.map(|limit| limit.saturating_sub(self.written));
        uncut.map_or(room, |uncut| room.min(usize::try_from(uncut).unwrap_or(usize::MAX)))
    }

    /// Puts the last `count` bytes in flight.
    fn depart(&mut self, now: Tick, count: usize) {
        let arrival = now.saturating_add(self.lane.latency);
        match self.flights.back_mut() {
            Some((at, bytes)) if *at == arrival => *bytes += count,
            Some(_) | None => self.flights.push_back((arrival, count)),
        }
        self.wake();
    }

    /// Makes bytes that have arrived by `now` readable.
    fn land(&mut self, now: Tick) {
        while let Some(&(at, count)) = self.flights.front()
            && at <= now
        {
            self.flights.pop_front();
            self.arrived += count;
        }
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.arrived).min(self.lane.chunk.next());
        // At least `count` bytes are available, so this cannot fail.
        let _ = self.bytes.read_exact(&mut buffer[..count]);
        self.arrived -= count;
        self.wake();
        count
    }

    /// Ends the pipe now: bytes in flight are lost.
    fn stop(&mut self, now: Tick, ending: PipeEnd) {
        self.land(now);
        self.bytes.truncate(self.arrived);
        self.flights.clear();
        self.ending = Some((now, ending));
        self.wake();
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}

pub(super) fn earlier(a: Option<Tick>, b: Option<Tick>) -> Option<Tick> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
