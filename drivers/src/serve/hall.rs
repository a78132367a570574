//! The one task that owns the room.

use std::{collections::BTreeMap, sync::Arc};

use async_channel::{Receiver, Sender};
use cmdchat_core::{
    log::Outlet,
    server::{Admitted, Departure, Input, Output, Room, SeatId},
    wire::Request,
};
use futures_lite::future;

use super::{FAREWELL, House, Note, member::Ties};
use crate::contract::{Hangup as _, Runtime};

/// Bytes the room says before it lets the writers write.
const BATCH: usize = 64 << 10;

/// What connections tell the room loop.
pub(super) enum Mail<R: Runtime> {
    /// Boxed, because it is rare and large: messages are moved from place to place.
    Joined(Box<(Admitted, Link<R>)>),
    Request(SeatId, Request),
    Left(SeatId, Departure),
    Besieged,
}

/// The room loop's hold on one connection.
pub(super) struct Link<R: Runtime> {
    pub(super) hangup: R::Hangup,
    pub(super) ties: Arc<Ties>,
    pub(super) outlet: Sender<Outlet>,
}

impl<R: Runtime> Link<R> {
    /// Ends the connection, whatever its reader waits for.
    fn hang_up(&self) {
        self.ties.part();
        self.hangup.hang_up();
    }
}

/// Everybody present, and what they say.
pub(super) struct Hall<R: Runtime> {
    house: Arc<House<R>>,
    room: Room,
    links: BTreeMap<SeatId, Link<R>>,
}

impl<R: Runtime> Hall<R> {
    pub(super) const fn new(house: Arc<House<R>>, room: Room) -> Self {
        Self { house, room, links: BTreeMap::new() }
    }

    pub(super) async fn run(mut self, mailbox: Receiver<Mail<R>>, stop: Receiver<()>) {
        while let Some(mail) = self.next(&mailbox, &stop).await {
            let now = self.house.runtime.now();
            let mut waiting = mail;
            while let Some(mail) = waiting {
                self.take(mail);
                waiting =
                    if self.room.unpublished() < BATCH { mailbox.try_recv().ok() } else { None };
            }
            let fresh = self.room.publish(now);
            self.carry_out();
            if fresh {
                self.house.news.ring();
                // The writers first: they must not look slow because the room is fast.
                future::yield_now().await;
            }
        }
        self.close().await;
    }

    /// `None`: stop. `Some(None)`: look at the time.
    async fn next(
        &self,
        mailbox: &Receiver<Mail<R>>,
        stop: &Receiver<()>,
    ) -> Option<Option<Mail<R>>> {
        let mail = async { mailbox.recv().await.ok().map(Some) };
        let stopped = async {
            let _ = stop.recv().await;
            None
        };
        let late = async {
            match self.room.deadline() {
                Some(deadline) => self.house.runtime.sleep_until(deadline).await,
                None => future::pending().await,
            }
            Some(None)
        };
        future::or(stopped, future::or(mail, late)).await
    }

    fn take(&mut self, mail: Mail<R>) {
        let now = self.house.runtime.now();
        let input = match mail {
            Mail::Joined(newcomer) => {
                let (admitted, link) = *newcomer;
                self.links.insert(admitted.seat.id(), link);
                Input::Joined(admitted)
            }
            Mail::Request(seat, request) => {
                if let Some(link) = self.links.get(&seat) {
                    link.ties.hear(request.size());
                }
                Input::Request(seat, request)
            }
            Mail::Left(seat, departure) => {
                self.links.remove(&seat);
                Input::Left(seat, departure)
            }
            Mail::Besieged => Input::Besieged,
        };
        self.room.handle(now, input);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                Output::Admit(seat, outlet) => {
                    if let Some(link) = self.links.get(&seat) {
                        let _ = link.outlet.try_send(outlet);
                    }
                }
                Output::Drop(seat) => {
                    if let Some(link) = self.links.remove(&seat) {
                        link.hang_up();
                    }
                }
                Output::Joined(..) | Output::Left(..) | Output::Cleared(_) => {
                    (self.house.notes)(Note::Room(output))
                }
            }
        }
    }

    /// Everybody gets the last words, if they take them in time.
    async fn close(mut self) {
        let runtime = self.house.runtime.clone();
        self.room.close();
        self.room.publish(runtime.now());
        self.house.news.ring();
        let until = runtime.now().after(FAREWELL);
        let gone = async {
            for link in self.links.values() {
                link.outlet.closed().await;
            }
        };
        future::or(runtime.sleep_until(until), gone).await;
        self.links.values().for_each(Link::hang_up);
    }
}
