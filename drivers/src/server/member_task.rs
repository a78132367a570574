//! The task of one member, from joining to leaving.

use std::{mem, sync::Arc};

use cmdchat_core::{
    server::{Admitted, Inbound, LeaveReason, MemberId, RequestReader},
    transport::line_decoder::LineDecoder,
    wire::Request,
};
use futures_lite::future;

use super::{
    CLOSE_TIMEOUT, Shared,
    member_conn::MemberConn,
    room_task::{JoinRequest, RoomCommand},
};
use crate::{
    read_buffer::ReadBuffer,
    runtime::{ReadHalf as _, ReadOutcome, Runtime},
};

/// Maximum number of requests that are sent to the room in one command.
const REQUEST_BATCH: usize = 64;

/// State of a member's task. Small, because idle members hold nothing else.
pub(super) struct MemberTask<R: Runtime> {
    reader: R::ReadHalf,
    decoder: LineDecoder,
    id: MemberId,
    requests: RequestReader,
    conn: Arc<MemberConn<R>>,
}

impl<R: Runtime> MemberTask<R> {
    /// Joins an authenticated client to the room. `None` if the room has closed.
    pub(super) async fn join(
        shared: &Shared<R>,
        (reader, decoder): (R::ReadHalf, LineDecoder),
        writer: R::WriteHalf,
        abort: R::AbortHandle,
        mut admitted: Admitted,
    ) -> Option<Self> {
        let id = admitted.slot.id();
        let requests = RequestReader::new(&shared.limits, shared.runtime.now(), &mut admitted);
        let (reply, conn) = async_channel::bounded(1);
        let join_request = JoinRequest { abort, writer, reply };
        shared.room_tx.send(RoomCommand::Joined(Box::new((admitted, join_request)))).await.ok()?;
        let conn = conn.recv().await.ok()?;
        Some(Self { reader, decoder, id, requests, conn })
    }

    /// Reads from the member until it leaves, then notifies the room.
    pub(super) async fn run(&mut self, shared: &Arc<Shared<R>>) {
        let reason = self.read_loop(shared).await;
        if reason.is_immediate() {
            self.conn.abort();
        }
        let _ = shared.room_tx.send(RoomCommand::Left(self.id, reason)).await;
        let deadline = shared.runtime.now().saturating_add(CLOSE_TIMEOUT);
        future::or(shared.runtime.sleep_until(deadline), self.conn.flushed()).await;
    }

    /// Sends the member's requests to the room until its stream ends.
    async fn read_loop(&mut self, shared: &Arc<Shared<R>>) -> LeaveReason {
        let Self { reader, decoder, id, requests, conn } = self;
        let mut buffer = ReadBuffer::new();
        let mut failed = false;
        let mut sent = 0;
        let mut batch = Vec::new();
        loop {
            let now = shared.runtime.now();
            let mut next = requests.next(now, decoder);
            while batch.len() < REQUEST_BATCH
                && let Inbound::Request(request) = next
            {
                batch.push(request);
                next = requests.next(now, decoder);
            }
            if !batch.is_empty() {
                sent += batch.iter().map(Request::size).sum::<u64>();
                let batch = RoomCommand::Requests(*id, mem::take(&mut batch));
                if shared.room_tx.send(batch).await.is_err() {
                    return LeaveReason::Closed;
                }
                if !conn.wait_for_capacity(sent).await {
                    return LeaveReason::ConnectionLost;
                }
            }
            match next {
                // The batch was full, so this request starts the next one.
                Inbound::Request(request) => batch.push(request),
                Inbound::Reply(frame) => conn.send_direct(shared, frame),
                Inbound::NeedsInput(until) => match reader.read(buffer.spare_mut(), until).await {
                    Ok(ReadOutcome::Data(count)) => {
                        buffer.consume(count, |bytes| decoder.feed(bytes))
                    }
                    Ok(ReadOutcome::TimedOut) => {}
                    Ok(ReadOutcome::Eof) => decoder.feed_eof(),
                    Err(_) => {
                        failed = true;
                        decoder.feed_eof();
                    }
                },
                Inbound::WaitUntil(until) => shared.runtime.sleep_until(until).await,
                Inbound::Closed(LeaveReason::Closed) if failed => {
                    return LeaveReason::ConnectionLost;
                }
                Inbound::Closed(reason) => return reason,
            }
        }
    }
}
