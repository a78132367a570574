//! One member, from its seat to its leaving.

use std::sync::Arc;

use cmdchat_core::{
    inbox::Inbox,
    server::{Admitted, Departure, Intake, Intent, SeatId},
};
use futures_lite::future;

use super::{
    FAREWELL, House,
    hall::{Mail, Newcomer},
    ties::Ties,
};
use crate::{
    buffer::Buffer,
    contract::{Read, Reader as _, Runtime},
};

/// Takes the member into the room, reads from it, and tells the room at the end.
pub(super) async fn attend<R: Runtime>(
    house: &Arc<House<R>>,
    mut reader: R::Reader,
    writer: R::Writer,
    mut inbox: Inbox,
    hangup: &R::Hangup,
    mut admitted: Admitted,
) {
    let seat = admitted.seat.id();
    let intake = Intake::new(&house.limits, house.runtime.now(), &mut admitted);
    let (seated, is_seated) = async_channel::bounded(1);
    let newcomer = Newcomer { hangup: hangup.clone(), writer, seated };
    if house.mail.send(Mail::Joined(Box::new((admitted, newcomer)))).await.is_err() {
        return;
    }
    let Ok(ties) = is_seated.recv().await else { return };
    drop(is_seated);
    let departure = listen(house, &mut reader, &mut inbox, seat, intake, &ties).await;
    if departure.is_at_once() {
        ties.hang_up();
    }
    let _ = house.mail.send(Mail::Left(seat, departure)).await;
    let patience = house.runtime.now().after(FAREWELL);
    future::or(house.runtime.sleep_until(patience), ties.written()).await;
}

/// Hands a member's requests to the room until there will be no more.
async fn listen<R: Runtime>(
    house: &Arc<House<R>>,
    reader: &mut R::Reader,
    inbox: &mut Inbox,
    seat: SeatId,
    mut intake: Intake,
    ties: &Arc<Ties<R>>,
) -> Departure {
    let mut buffer = Buffer::new();
    let mut failed = false;
    let mut said = 0;
    loop {
        match intake.next(house.runtime.now(), inbox) {
            Intent::Request(request) => {
                said += request.size();
                if house.mail.send(Mail::Request(seat, request)).await.is_err() {
                    return Departure::Closed;
                }
                if !ties.may_go_on(said).await {
                    return Departure::Lost;
                }
            }
            Intent::Answer(frame) => ties.tell(house, frame),
            Intent::NeedsInput(until) => match reader.read(buffer.room(), until).await {
                Ok(Read::Bytes(count)) => buffer.deliver(count, |bytes| inbox.push(bytes)),
                Ok(Read::Late) => {}
                Ok(Read::End) => inbox.end(),
                Err(_) => {
                    failed = true;
                    inbox.end();
                }
            },
            Intent::NeedsTime(until) => house.runtime.sleep_until(until).await,
            Intent::End(Departure::Closed) if failed => return Departure::Lost,
            Intent::End(departure) => return departure,
        }
    }
}
