//! One member, from its seat to its leaving.

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

/// Requests that go to the room at once, if so many have come.
const REQUEST_BATCH: usize = 64;

/// What the task of a member's connection holds. Small, since it is all that
/// most of them do most of the time.
pub(super) struct MemberTask<R: Runtime> {
    reader: R::ReadHalf,
    inbox: LineDecoder,
    seat: MemberId,
    intake: RequestReader,
    ties: Arc<MemberConn<R>>,
}

impl<R: Runtime> MemberTask<R> {
    /// Takes somebody who has logged in into the room. Nothing, if that has closed.
    pub(super) async fn join(
        house: &Shared<R>,
        (reader, inbox): (R::ReadHalf, LineDecoder),
        writer: R::WriteHalf,
        hangup: R::AbortHandle,
        mut admitted: Admitted,
    ) -> Option<Self> {
        let seat = admitted.seat.id();
        let intake = RequestReader::new(&house.limits, house.runtime.now(), &mut admitted);
        let (seated, is_seated) = async_channel::bounded(1);
        let newcomer = JoinRequest { hangup, writer, seated };
        house.mail.send(RoomCommand::Joined(Box::new((admitted, newcomer)))).await.ok()?;
        let ties = is_seated.recv().await.ok()?;
        Some(Self { reader, inbox, seat, intake, ties })
    }

    /// Reads from the member, and tells the room at the end.
    pub(super) async fn run(&mut self, house: &Arc<Shared<R>>) {
        let departure = self.read_loop(house).await;
        if departure.is_immediate() {
            self.ties.hang_up();
        }
        let _ = house.mail.send(RoomCommand::Left(self.seat, departure)).await;
        let patience = house.runtime.now().after(CLOSE_TIMEOUT);
        future::or(house.runtime.sleep_until(patience), self.ties.flushed()).await;
    }

    /// Hands the member's requests to the room until there will be no more.
    async fn read_loop(&mut self, house: &Arc<Shared<R>>) -> LeaveReason {
        let Self { reader, inbox, seat, intake, ties } = self;
        let mut buffer = ReadBuffer::new();
        let mut failed = false;
        let mut said = 0;
        let mut letter = Vec::new();
        loop {
            let now = house.runtime.now();
            let mut next = intake.next(now, inbox);
            while letter.len() < REQUEST_BATCH
                && let Inbound::Request(request) = next
            {
                letter.push(request);
                next = intake.next(now, inbox);
            }
            if !letter.is_empty() {
                said += letter.iter().map(Request::size).sum::<u64>();
                let letter = RoomCommand::Requests(*seat, mem::take(&mut letter));
                if house.mail.send(letter).await.is_err() {
                    return LeaveReason::Closed;
                }
                if !ties.wait_for_capacity(said).await {
                    return LeaveReason::ConnectionLost;
                }
            }
            match next {
                // Behind a full letter: it opens the one after that.
                Inbound::Request(request) => letter.push(request),
                Inbound::Reply(frame) => ties.send_direct(house, frame),
                Inbound::NeedsInput(until) => match reader.read(buffer.spare_mut(), until).await {
                    Ok(ReadOutcome::Data(count)) => {
                        buffer.consume(count, |bytes| inbox.feed(bytes))
                    }
                    Ok(ReadOutcome::TimedOut) => {}
                    Ok(ReadOutcome::Eof) => inbox.feed_eof(),
                    Err(_) => {
                        failed = true;
                        inbox.feed_eof();
                    }
                },
                Inbound::WaitUntil(until) => house.runtime.sleep_until(until).await,
                Inbound::Closed(LeaveReason::Closed) if failed => {
                    return LeaveReason::ConnectionLost;
                }
                Inbound::Closed(departure) => return departure,
            }
        }
    }
}
