//! A client: logging in, then one session between a socket and a person,
//! written once for every runtime.
//!
//! ```text
//! socket ──► reader ──► session loop ──► events   ──► person
//!                            │      ◄── commands ◄── person
//!                            └──► log ──► writer ──► socket
//! ```

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

/// Texts sent and not echoed, beyond which no more commands are taken: a pipe
/// is read as fast as the room takes its lines.
const MAX_IN_FLIGHT: usize = 64;
/// Pieces of the stream the session has not looked at yet.
const MAILBOX: usize = 16;
/// Events the person has not seen yet; beyond that the server is read more slowly.
const EVENT_BUFFER: usize = 256;
/// How long leaving may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a person wants.
pub enum SessionCommand {
    /// Say this to the room; the number is the caller's own.
    Send(SendId, Zeroizing<String>),
    /// Have the server forget the history, for all.
    ClearHistory,
    /// Ask for [`Event::RoomState`].
    RequestFingerprint,
    /// Leave when all that was said has come back, or when nothing has for so long.
    Drain(Duration),
    /// Leave now.
    Close,
}

/// Without the text.
impl fmt::Debug for SessionCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(SendId(number), text) => {
                write!(f, "Send({number}, {} bytes)", text.len())
            }
            Self::ClearHistory => f.write_str("ClearHistory"),
            Self::RequestFingerprint => f.write_str("RequestFingerprint"),
            Self::Drain(patience) => write!(f, "Drain({patience:?})"),
            Self::Close => f.write_str("Close"),
        }
    }
}

/// A client in the room.
#[derive(Debug)]
pub struct ClientHandle {
    /// Where commands go. Dropping it leaves the room. Whoever waits to send one
    /// must go on taking events: the session may be waiting for that.
    pub commands: Sender<SessionCommand>,
    /// Where events come from; the last one is [`Event::Ended`].
    pub events: Receiver<Event>,
}

/// Logs in over `connection`; the session then runs beside the caller.
///
/// # Errors
///
/// Why the login failed; the connection has ended.
pub async fn connect<R: Runtime>(
    runtime: &R,
    connection: Connection<R>,
    login: Login,
) -> Result<ClientHandle, LoginError> {
    let Connection { mut reader, mut writer, abort, .. } = connection;
    let mut decoder = LineDecoder::new(0);
    let srp_limiter = ComputeLimiter::new(1, 0);
    let session =
        handshake::run(runtime, &srp_limiter, &mut reader, &mut writer, &mut decoder, login)
            .await
            .inspect_err(|_| abort.abort())?;

    let (to_session, arrivals) = async_channel::bounded(MAILBOX);
    runtime.spawn(read(reader, to_session));

    let log = BroadcastLog::default();
    let (cursor, lag) = log.subscribe(Vec::new(), None);
    let news = Arc::new(Notify::default());
    let (written_all, all_written) = async_channel::bounded::<()>(1);
    let (clock, writing) = (runtime.clone(), Arc::clone(&news));
    runtime.spawn(async move {
        let _written_all = written_all;
        // A failing write shows in the reader too, which says what it means.
        let _ = OutboundWriter::new(writer, cursor).run(&clock, &writing).await;
    });

    let (commands, from_person) = async_channel::bounded(1);
    let (to_person, events) = async_channel::bounded(EVENT_BUFFER);
    let session = SessionTask {
        runtime: runtime.clone(),
        session,
        decoder,
        outgoing: SendQueue { log, lag, news, all_written },
        arrivals,
        commands: from_person,
        events: to_person,
    };
    runtime.spawn(async move {
        session.run().await;
        abort.abort();
    });
    Ok(ClientHandle { commands, events })
}

/// What the reader found.
enum ReadEvent {
    Bytes(Vec<u8>),
    End,
    Failed,
}

async fn read<R: ReadHalf>(mut reader: R, to_session: Sender<ReadEvent>) {
    let mut buffer = ReadBuffer::new();
    loop {
        let arrival = match reader.read(buffer.spare_mut(), None).await {
            Ok(ReadOutcome::Data(count)) => {
                ReadEvent::Bytes(buffer.consume(count, |bytes| bytes.to_vec()))
            }
            Ok(ReadOutcome::TimedOut) => continue,
            Ok(ReadOutcome::Eof) => ReadEvent::End,
            Err(_) => ReadEvent::Failed,
        };
        let last = !matches!(arrival, ReadEvent::Bytes(_));
        if to_session.send(arrival).await.is_err() || last {
            return;
        }
    }
}

struct SendQueue {
    log: BroadcastLog,
    lag: CursorHandle,
    news: Arc<Notify>,
    all_written: Receiver<()>,
}

struct SessionTask<R> {
    runtime: R,
    session: Session,
    decoder: LineDecoder,
    outgoing: SendQueue,
    arrivals: Receiver<ReadEvent>,
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
        // The login may have left lines in the inbox.
        self.read_lines();
        loop {
            if let Some(mut ended) = self.carry_out().await {
                self.part(ended.reason).await;
                ended.unconfirmed.extend(self.drain_unsent());
                // Last, because the program may end with it.
                let _ = self.events.send(Event::Ended(ended)).await;
                return;
            }
            let wake = self.next().await;
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

    fn read_lines(&mut self) {
        while self.session.handle_input(self.runtime.now(), &mut self.decoder) == ReadStatus::Line {
        }
    }

    async fn next(&self) -> Wake {
        let arrival =
            async { Wake::ReadEvent(self.arrivals.recv().await.unwrap_or(ReadEvent::Failed)) };
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
        future::or(arrival, future::or(command, time)).await
    }

    /// Carries out what the session wants; says if it has ended.
    async fn carry_out(&mut self) -> Option<SessionEnd> {
        let mut ended = None;
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::Send(frame) => self.outgoing.log.append(&frame),
                SessionOutput::Event(Event::Ended(how)) => ended = Some(how),
                SessionOutput::Event(event) => {
                    // Nobody listening any more is seen at the next command.
                    let _ = self.events.send(event).await;
                }
            }
        }
        let SendQueue { log, news, .. } = &mut self.outgoing;
        if log.publish() {
            news.notify_one();
        }
        ended
    }

    /// What was said too late for this session. Commands that are still on their
    /// way go back to whoever sends them.
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

    /// Ends the writer, which may be waiting for more. Who leaves does so in
    /// order, so that the server gets what was sent last.
    async fn part(&self, ending: CloseReason) {
        let SendQueue { log, lag, news, all_written } = &self.outgoing;
        lag.close_at(log.end(), Vec::new());
        news.notify_one();
        if !matches!(ending, CloseReason::LocallyClosed | CloseReason::ClosedByServer) {
            return;
        }
        let until = self.runtime.now().saturating_add(CLOSE_TIMEOUT);
        let in_order = async {
            let _ = all_written.recv().await;
            while let Ok(ReadEvent::Bytes(_)) = self.arrivals.recv().await {}
        };
        future::or(self.runtime.sleep_until(until), in_order).await;
    }
}
