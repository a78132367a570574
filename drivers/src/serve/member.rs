//! One member, from its seat to its leaving.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use cmdchat_core::{
    inbox::Inbox,
    log::Meter,
    server::{Admitted, Departure, Intake, Intent, SeatId},
};
use futures_lite::future;

use super::{
    FAREWELL, House,
    hall::{Link, Mail},
};
use crate::{
    buffer::Buffer,
    contract::{Hangup as _, Read, Reader as _, Runtime},
    outbound::{self, Bell},
};

/// Bytes a member may be owed, or may have said without being heard yet, before
/// it is read no further.
const OWED: u64 = 64 << 10;

/// What the reader, the writer and the room loop share of one connection.
#[derive(Default)]
pub(super) struct Ties {
    /// Wakes the reader: its member may be heard again.
    turn: Bell,
    /// Bytes of the member's requests that the room has taken.
    heard: AtomicU64,
    /// The room has dropped the member, or the connection has failed.
    gone: AtomicBool,
}

impl Ties {
    /// The room has taken a request of so many bytes.
    pub(super) fn hear(&self, size: u64) {
        self.heard.fetch_add(size, Ordering::AcqRel);
        self.turn.ring();
    }

    /// There is nobody to be heard any more.
    pub(super) fn part(&self) {
        self.gone.store(true, Ordering::Release);
        self.turn.ring();
    }

    /// Waits until the member, who has said so many bytes, may be heard again.
    /// `false` if it never will.
    async fn may_go_on(&self, said: u64, meter: &Meter) -> bool {
        while said - self.heard.load(Ordering::Acquire) > OWED || meter.owed() > OWED {
            if self.gone.load(Ordering::Acquire) {
                return false;
            }
            self.turn.heard().await;
        }
        true
    }
}

/// Runs both directions of the connection, and tells the room at the end.
pub(super) async fn attend<R: Runtime>(
    house: &Arc<House<R>>,
    mut reader: R::Reader,
    mut writer: R::Writer,
    mut inbox: Inbox,
    hangup: &R::Hangup,
    mut admitted: Admitted,
) {
    let seat = admitted.seat.id();
    let intake = Intake::new(&house.limits, house.runtime.now(), &mut admitted);
    let ties = Arc::new(Ties::default());
    let (outlet, hand_over) = async_channel::bounded(1);
    let link = Link { hangup: hangup.clone(), ties: Arc::clone(&ties), outlet };
    if house.mail.send(Mail::Joined(Box::new((admitted, link)))).await.is_err() {
        return;
    }
    let Ok(mut outlet) = hand_over.recv().await else { return };
    let meter = outlet.meter();
    let (written_all, all_written) = async_channel::bounded::<()>(1);
    let (shared, writing, end_reader) = (Arc::clone(house), Arc::clone(&ties), hangup.clone());
    house.runtime.spawn(async move {
        // Held to the end: the room loop sees by it whether the writer is done.
        let _until_then = (written_all, hand_over);
        let written = || writing.turn.ring();
        let House { runtime, news, .. } = &*shared;
        let all = outbound::run(runtime, &mut writer, &mut outlet, (news, seat), written).await;
        if all.is_err() {
            writing.part();
            end_reader.hang_up();
        }
    });
    let departure = listen(house, &mut reader, &mut inbox, seat, intake, &ties, &meter).await;
    if departure.is_at_once() {
        hangup.hang_up();
    }
    let _ = house.mail.send(Mail::Left(seat, departure)).await;
    let patience = house.runtime.now().after(FAREWELL);
    future::or(house.runtime.sleep_until(patience), async {
        let _ = all_written.recv().await;
    })
    .await;
}

/// Hands a member's requests to the room until there will be no more.
///
/// Whoever speaks is heard no faster than it listens: while the member is owed
/// more than [`OWED`], or the room has not taken what it said, nothing is read.
/// So a burst goes at the pace of its own echo, and the others, who get the
/// same bytes, are not made to look slow by it.
async fn listen<R: Runtime>(
    house: &House<R>,
    reader: &mut R::Reader,
    inbox: &mut Inbox,
    seat: SeatId,
    mut intake: Intake,
    ties: &Ties,
    meter: &Meter,
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
                if !ties.may_go_on(said, meter).await {
                    return Departure::Lost;
                }
            }
            Intent::Answer(frame) => {
                meter.tell(frame);
                house.news.ring_for(&seat);
            }
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
