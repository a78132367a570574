//! The simulator with a tap on every connection: each line a client sends or receives is
//! added to the transcript.

use std::io::{self, IoSlice};

use cmdchat_core::time::Tick;
use cmdchat_drivers::{
    runtime::sim::{Sim, SimAbortHandle, SimReadHalf, SimWriteHalf},
    runtime::{Connection, ReadHalf, ReadOutcome, Runtime, WriteHalf},
};

use crate::Transcript;

/// [`Sim`] with a tap on every connection.
#[derive(Clone, Debug)]
pub(crate) struct Tapped(pub(crate) Sim);

impl Runtime for Tapped {
    type ReadHalf = Tap<SimReadHalf>;
    type WriteHalf = Tap<SimWriteHalf>;
    type AbortHandle = SimAbortHandle;

    fn now(&self) -> Tick {
        self.0.now()
    }

    fn sleep_until(&self, at: Tick) -> impl Future<Output = ()> + Send {
        self.0.sleep_until(at)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    fn spawn_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        self.0.spawn_blocking(job)
    }
}

/// Puts a tap on `connection`; `who` is the name of its client.
pub(crate) fn tap(
    sim: &Sim,
    connection: Connection<Sim>,
    who: &str,
    transcript: &Transcript,
) -> Connection<Tapped> {
    let Connection { reader, writer, abort, peer } = connection;
    let record = |sign| Record {
        sim: sim.clone(),
        who: who.to_owned(),
        sign,
        transcript: transcript.clone(),
        line: Vec::new(),
    };
    Connection {
        reader: Tap { half: reader, record: record('<') },
        writer: Tap { half: writer, record: record('>') },
        abort,
        peer,
    }
}

/// One half of a connection, with the bytes that have passed through it.
#[derive(Debug)]
pub(crate) struct Tap<T> {
    half: T,
    record: Record,
}

#[derive(Debug)]
struct Record {
    sim: Sim,
    who: String,
    sign: char,
    transcript: Transcript,
    line: Vec<u8>,
}

impl Record {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.note(&shown(&line));
            } else {
                self.line.push(byte);
            }
        }
    }

    fn written(&mut self, slices: &[IoSlice<'_>], taken: &io::Result<usize>) {
        let mut left = *taken.as_ref().unwrap_or(&0);
        for slice in slices {
            let taken = left.min(slice.len());
            self.bytes(slice.get(..taken).unwrap_or_default());
            left -= taken;
        }
    }

    fn note(&self, what: &str) {
        self.transcript.note(self.sim.now(), &self.who, format!("{} {what}", self.sign));
    }

    fn over(&mut self, how: &str) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.note(&format!("{} (no line feed)", shown(&line)));
        }
        self.note(how);
    }
}

/// Formats a line for the transcript: a long line is replaced by its length.
fn shown(line: &[u8]) -> String {
    const LONGEST: usize = 2_000;
    if line.len() > LONGEST {
        let head = String::from_utf8_lossy(line.get(..60).unwrap_or_default()).into_owned();
        format!("{head}… ({} bytes)", line.len())
    } else {
        String::from_utf8_lossy(line).escape_debug().to_string().replace("\\\"", "\"")
    }
}

impl ReadHalf for Tap<SimReadHalf> {
    async fn read(&mut self, buffer: &mut [u8], deadline: Option<Tick>) -> io::Result<ReadOutcome> {
        let read = self.half.read(buffer, deadline).await;
        match &read {
            Ok(ReadOutcome::Data(count)) => {
                self.record.bytes(buffer.get(..*count).unwrap_or_default())
            }
            Ok(ReadOutcome::Eof) => self.record.over("(end)"),
            Ok(ReadOutcome::TimedOut) => {}
            Err(error) => self.record.over(&format!("({:?})", error.kind())),
        }
        read
    }
}

impl WriteHalf for Tap<SimWriteHalf> {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = self.half.try_write(slices);
        self.record.written(slices, &written);
        written
    }

    async fn write(&mut self, slices: &[IoSlice<'_>], deadline: Option<Tick>) -> io::Result<usize> {
        let written = self.half.write(slices, deadline).await;
        self.record.written(slices, &written);
        written
    }

    fn finish(&mut self) {
        self.record.over("(finished)");
        self.half.finish();
    }
}
