//! One member, from its seat to its leaving.

use std::{mem, sync::Arc};

use cmdchat_core::{
    server::{Admitted, Inbound, LeaveReason, MemberId, RequestReader},
    transport::line_decoder::LineDecoder,
    wire::Request,
};
use futures_lite::future;

use super::{
    FAREWELL, Shared,
    member_conn::MemberConn,
    room_task::{JoinRequest, RoomCommand},
};
use crate::{
    read_buffer::ReadBuffer,
    runtime::{Read, Reader as _, Runtime},
};

/// Requests that go to the room at once, if so many have come.
const LETTER: usize = 64;

/// What the task of a member's connection holds. Small, since it is all that
/// most of them do most of the time.
pub(super) struct MemberTask<R: Runtime> {
    reader: R::Reader,
    inbox: LineDecoder,
    seat: MemberId,
    intake: RequestReader,
    ties: Arc<MemberConn<R>>,
}

impl<R: Runtime> MemberTask<R> {
    /// Takes somebody who has logged in into the room. Nothing, if that has closed.
    pub(super) async fn seat(
        house: &Shared<R>,
        (reader, inbox): (R::Reader, LineDecoder),
        writer: R::Writer,
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
    pub(super) async fn stay(&mut self, house: &Arc<Shared<R>>) {
        let departure = self.listen(house).await;
        if departure.is_immediate() {
            self.ties.hang_up();
        }
        let _ = house.mail.send(RoomCommand::Left(self.seat, departure)).await;
        let patience = house.runtime.now().after(FAREWELL);
        future::or(house.runtime.sleep_until(patience), self.ties.written()).await;
    }

    /// Hands the member's requests to the room until there will be no more.
    async fn listen(&mut self, house: &Arc<Shared<R>>) -> LeaveReason {
        let Self { reader, inbox, seat, intake, ties } = self;
        let mut buffer = ReadBuffer::new();
        let mut failed = false;
        let mut said = 0;
        let mut letter = Vec::new();
        loop {
            let now = house.runtime.now();
            let mut next = intake.next(now, inbox);
            while letter.len() < LETTER
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
                if !ties.may_go_on(said).await {
                    return LeaveReason::ConnectionLost;
                }
            }
            match next {
                // Behind a full letter: it opens the one after that.
                Inbound::Request(request) => letter.push(request),
                Inbound::Reply(frame) => ties.tell(house, frame),
                Inbound::NeedsInput(until) => match reader.read(buffer.room(), until).await {
                    Ok(Read::Data(count)) => buffer.deliver(count, |bytes| inbox.feed(bytes)),
                    Ok(Read::TimedOut) => {}
                    Ok(Read::Eof) => inbox.feed_eof(),
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
