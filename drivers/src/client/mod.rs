//! The client: logs in, then runs one session between a socket and the caller.
//! Generic over the runtime.
//!
//! ```text
//! socket ──► read task ──► session task ──► events   ──► caller
//!                              │       ◄── commands ◄── caller
//!                              └──► log ──► write task ──► socket
//! ```

pub mod outbox;
pub mod reconnect;

use std::{fmt, sync::Arc, time::Duration};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    client::{
        CloseReason, Event, Login, LoginError, PendingMessage, ReadStatus, SendId, Session,
        SessionEnd, SessionOutput,
    },
    transport::broadcast::{BroadcastLog, CursorHandle},
    transport::line_decoder::LineDecoder,
};
use futures_lite::future;
use zeroize::Zeroizing;

use crate::{
    handshake::{self, ComputeLimiter},
    notify::Notify,
    outbound::OutboundWriter,
    read_buffer::ReadBuffer,
    runtime::{AbortHandle as _, Connection, ReadHalf, ReadOutcome, Runtime},
};

/// Number of unacknowledged messages from which no more commands are accepted. A
/// pipe is thus read as fast as the room accepts its lines.
const MAX_IN_FLIGHT: usize = 64;
/// Capacity of the channel from the read task to the session task, in reads.
const READ_QUEUE: usize = 16;
/// Capacity of the event channel. If it is full, the server is read more slowly.
const EVENT_BUFFER: usize = 256;
/// Maximum time for closing a connection in order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A command to the session.
pub enum SessionCommand {
    /// Send this message to the room. The caller chooses the number.
    Send(SendId, Zeroizing<String>),
    /// Clear the server's history, for all members.
    ClearHistory,
    /// Ask for [`Event::RoomState`].
    RequestFingerprint,
    /// Leave once all sent messages are acknowledged, or once no acknowledgement
    /// has arrived for this long.
    Drain(Duration),
    /// Leave at once.
    Close,
}

/// Omits the text.
impl fmt::Debug for SessionCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(SendId(number), text) => {
                write!(f, "Send({number}, {} bytes)", text.len())
            }
            Self::ClearHistory => f.write_str("ClearHistory"),
            Self::RequestFingerprint => f.write_str("RequestFingerprint"),
            Self::Drain(timeout) => write!(f, "Drain({timeout:?})"),
            Self::Close => f.write_str("Close"),
        }
    }
}

/// A client that has logged in.
#[derive(Debug)]
pub struct ClientHandle {
    /// Accepts commands. Dropping it leaves the room. A caller that waits to send
    /// a command must go on receiving events, because the session may be waiting
    /// for that.
    pub commands: Sender<SessionCommand>,
    /// Delivers events. The last one is [`Event::Ended`].
    pub events: Receiver<Event>,
}

/// Logs in over `connection` and spawns the session.
///
/// # Errors
///
/// Returns [`LoginError`] if the login failed. The connection has then been
/// closed.
pub async fn connect<R: Runtime>(
    runtime: &R,
    connection: Connection<R>,
    login: Login,
) -> Result<ClientHandle, LoginError> {
    let Connection { mut reader, mut writer, abort, .. } = connection;
    let mut decoder = LineDecoder::new(0);
    let srp_limiter = ComputeLimiter::new(1, 0);
    let session =
        handshake::drive(runtime, &srp_limiter, &mut reader, &mut writer, &mut decoder, login)
            .await
            .inspect_err(|_| abort.abort())?;

    let (to_session, reads) = async_channel::bounded(READ_QUEUE);
    runtime.spawn(read(reader, to_session));

    let log = BroadcastLog::default();
    let (cursor, handle) = log.subscribe(Vec::new(), None);
    let new_data = Arc::new(Notify::default());
    let (finished, written) = async_channel::bounded::<()>(1);
    let (clock, notify) = (runtime.clone(), Arc::clone(&new_data));
    runtime.spawn(async move {
        let _finished = finished;
        // A write error also appears in the read task, which reports it.
        let _ = OutboundWriter::new(writer, cursor).run(&clock, &notify).await;
    });

    let (commands, command_rx) = async_channel::bounded(1);
    let (event_tx, events) = async_channel::bounded(EVENT_BUFFER);
    let session = SessionTask {
        runtime: runtime.clone(),
        session,
        decoder,
        outgoing: SendQueue { log, cursor: handle, new_data, written },
        reads,
        commands: command_rx,
        events: event_tx,
    };
    runtime.spawn(async move {
        session.run().await;
        abort.abort();
    });
    Ok(ClientHandle { commands, events })
}

/// The result of one read.
enum ReadEvent {
    Bytes(Vec<u8>),
    End,
    Failed,
}

async fn read<R: ReadHalf>(mut reader: R, to_session: Sender<ReadEvent>) {
    let mut buffer = ReadBuffer::new();
    loop {
        let read_event = match reader.read(buffer.spare_mut(), None).await {
            Ok(ReadOutcome::Data(count)) => {
                ReadEvent::Bytes(buffer.consume(count, |bytes| bytes.to_vec()))
            }
            Ok(ReadOutcome::TimedOut) => continue,
            Ok(ReadOutcome::Eof) => ReadEvent::End,
            Err(_) => ReadEvent::Failed,
        };
        let last = !matches!(read_event, ReadEvent::Bytes(_));
        if to_session.send(read_event).await.is_err() || last {
            return;
        }
    }
}

struct SendQueue {
    log: BroadcastLog,
    cursor: CursorHandle,
    /// Notified when the log has new data.
    new_data: Arc<Notify>,
    /// Closed when the write task has ended.
    written: Receiver<()>,
}

struct SessionTask<R> {
    runtime: R,
    session: Session,
    decoder: LineDecoder,
    outgoing: SendQueue,
    reads: Receiver<ReadEvent>,
    commands: Receiver<SessionCommand>,
    events: Sender<Event>,
}

enum Wake {
    ReadEvent(ReadEvent),
    Command(SessionCommand),
    Time,
}

impl<R: Runtime> SessionTask<R> {
    async fn run(mut self) {
        self.correct_clock();
        // The login may have left lines in the decoder.
        self.read_lines();
        loop {
            if let Some(mut ended) = self.run_outputs().await {
                self.close(ended.reason).await;
                ended.unconfirmed.extend(self.drain_unsent());
                // Sent last, because the program may exit on it.
                let _ = self.events.send(Event::Ended(ended)).await;
                return;
            }
            let wake = self.next().await;
            self.correct_clock();
            let now = self.runtime.now();
            match wake {
                Wake::ReadEvent(ReadEvent::Bytes(bytes)) => {
                    self.decoder.feed(&bytes);
                    self.read_lines();
                }
                Wake::ReadEvent(ReadEvent::End) => {
                    self.decoder.feed_eof();
                    self.read_lines();
                }
                Wake::ReadEvent(ReadEvent::Failed) => self.session.connection_lost(),
                Wake::Command(SessionCommand::Send(reference, text)) => {
                    self.session.send(now, reference, text);
                }
                Wake::Command(SessionCommand::ClearHistory) => self.session.clear(now),
                Wake::Command(SessionCommand::RequestFingerprint) => {
                    self.session.request_fingerprint()
                }
                Wake::Command(SessionCommand::Drain(patience)) => self.session.drain(now, patience),
                Wake::Command(SessionCommand::Close) => self.session.close(),
                Wake::Time => self.session.handle_timeout(now),
            }
        }
    }

    fn correct_clock(&mut self) {
        if let Some(epoch) = self.runtime.epoch() {
            self.session.set_epoch(epoch);
        }
    }

    fn read_lines(&mut self) {
        while self.session.handle_input(self.runtime.now(), &mut self.decoder) == ReadStatus::Line {
        }
    }

    async fn next(&self) -> Wake {
        let read_event =
            async { Wake::ReadEvent(self.reads.recv().await.unwrap_or(ReadEvent::Failed)) };
        let command = async {
            if self.session.pending() >= MAX_IN_FLIGHT {
                return future::pending().await;
            }
            Wake::Command(self.commands.recv().await.unwrap_or(SessionCommand::Close))
        };
        let time = async {
            match self.session.poll_timeout() {
                Some(deadline) => self.runtime.sleep_until(deadline).await,
                None => future::pending().await,
            }
            Wake::Time
        };
        future::or(read_event, future::or(command, time)).await
    }

    /// Performs the session's outputs. Returns its end, if it has ended.
    async fn run_outputs(&mut self) -> Option<SessionEnd> {
        let mut ended = None;
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::Send(frame) => self.outgoing.log.append(&frame),
                SessionOutput::Event(Event::Ended(end)) => ended = Some(end),
                SessionOutput::Event(event) => {
                    // If the caller has dropped the receiver, the next command
                    // reports it.
                    let _ = self.events.send(event).await;
                }
            }
        }
        let SendQueue { log, new_data, .. } = &mut self.outgoing;
        if log.publish() {
            new_data.notify_one();
        }
        ended
    }

    /// Returns the messages that came too late for this session. Commands that
    /// are still being sent are returned to their senders.
    fn drain_unsent(&self) -> impl Iterator<Item = PendingMessage> {
        self.commands.close();
        let commands = std::iter::from_fn(|| self.commands.try_recv().ok());
        commands.filter_map(|command| match command {
            SessionCommand::Send(reference, text) => Some(PendingMessage::new(reference, text)),
            SessionCommand::ClearHistory
            | SessionCommand::RequestFingerprint
            | SessionCommand::Drain(_)
            | SessionCommand::Close => None,
        })
    }

    /// Closes the write task, which may be waiting for data. After a normal end,
    /// waits until the server has received the last frames.
    async fn close(&self, reason: CloseReason) {
        let SendQueue { log, cursor, new_data, written } = &self.outgoing;
        cursor.close_at(log.end(), Vec::new());
        new_data.notify_one();
        if !matches!(
            reason,
            CloseReason::LocallyClosed | CloseReason::ClosedByServer | CloseReason::ServerRestarts
        ) {
            return;
        }
        let until = self.runtime.now().saturating_add(CLOSE_TIMEOUT);
        let in_order = async {
            let _ = written.recv().await;
            while let Ok(ReadEvent::Bytes(_)) = self.reads.recv().await {}
        };
        future::or(self.runtime.sleep_until(until), in_order).await;
    }
}
