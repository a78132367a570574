//! The room: one conversation, heard by everybody in the same order.
//!
//! Theory of operation. The room holds no key: it wraps the sender's opaque
//! token, encodes the line once for each protocol spoken, and appends it to
//! that protocol's log. Every member is a cursor into one of them, so all
//! members get the same events, in the same order, each exactly once; a
//! newcomer's greeting and its cursor are made in one step, so there is no gap
//! between the two and no repetition. In a strict room events are numbered, and
//! chained by their views (PROTOCOL 2.6). What `handle` appended
//! is seen by nobody before `publish`, which the caller calls once for all the
//! inputs that were waiting. A member whose cursor lags by more than the limit,
//! or stands still for too long, is dropped; nobody ever waits for it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{
    error::ProtocolError,
    room_kind::RoomKind,
    seed::{Rng, Seed},
    server::{
        admission::{MemberId, MemberSlot},
        limits::Limits,
        login::Admitted,
    },
    strict_room::hash_chain::ChainHash,
    time::{Epoch, Tick},
    transport::broadcast::LogCursor,
    transport::frame::Frame,
    username::Username,
    wire::{
        self, EncodedClear, EncodedMessage, FernetToken, ProtocolVersion, Request, TimestampCache,
    },
};

mod history;
mod slow_consumer;

use history::{History, HistoryEntry};
use slow_consumer::{ReaderLag, SlowConsumerDetector, TimedLog};

/// The conversation of one server.
pub struct Room {
    limits: Limits,
    clock: TimestampCache,
    rng: Rng,
    logs: Logs,
    /// Number and view of the last event, in a strict room.
    chain: Option<(u64, ChainHash)>,
    members: BTreeMap<MemberId, Member>,
    patience: SlowConsumerDetector,
    history: History,
    /// When what was appended is to be shared; `None` if nothing was.
    due: Option<Tick>,
    /// Newcomers are not announced before this moment, unless with something else.
    next_news: Tick,
    outputs: VecDeque<RoomOutput>,
}

/// After anything was shared, newcomers alone are announced no sooner than this,
/// and so together: each announcement is a write to everybody.
const JOIN_BATCH_DELAY: Duration = Duration::from_millis(50);

/// The same events in the words of either protocol.
#[derive(Default)]
struct Logs {
    open: TimedLog,
    sealed: TimedLog,
}

impl Logs {
    const fn of(&self, version: ProtocolVersion) -> &TimedLog {
        match version {
            ProtocolVersion::V1 => &self.open,
            ProtocolVersion::V2 => &self.sealed,
        }
    }

    /// `open` is missing only where nobody speaks protocol 1.
    fn append(&mut self, open: Option<&Frame>, sealed: &Frame) {
        if let Some(open) = open {
            self.open.log.append(open);
        }
        self.sealed.log.append(sealed);
    }

    fn append_message(&mut self, message: &EncodedMessage) {
        if let Some(open) = message.open() {
            self.open.log.append(open);
        }
        self.sealed.log.append_lazy(message.sealed_size(), || message.sealed());
    }

    fn publish(&mut self, now: Tick) -> bool {
        self.open.publish(now) | self.sealed.publish(now)
    }

    /// Bytes ever said, in the words of either.
    fn said(&self) -> u64 {
        self.open.log.end() + self.sealed.log.end()
    }
}

struct Member {
    seat: MemberSlot,
    user_id: String,
    version: ProtocolVersion,
    wait: ReaderLag,
}

/// What happened outside.
#[derive(Debug)]
pub enum RoomInput {
    /// A login was completed.
    Joined(Admitted),
    /// A member asks for something.
    Request(MemberId, Request),
    /// A member's connection is over.
    Left(MemberId, LeaveReason),
    /// So many logins fail that the newcomers have to wait.
    BruteForceDetected,
}

/// How a member left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// It closed its side.
    Closed,
    /// The connection failed.
    ConnectionLost,
    /// It broke the protocol.
    ProtocolError(ProtocolError),
    /// Nothing came from it for 90 s, over a sealed link.
    TimedOut,
    /// It did not take what was sent to it.
    SlowConsumer,
}

/// What is to be done outside, in this order.
#[derive(Debug)]
pub enum RoomOutput {
    /// Write to this member what its outlet holds.
    Attach(MemberId, LogCursor),
    /// End this member's connection.
    Disconnect(MemberId),
    /// A member came; so many are present now. For the host.
    Joined(Username, usize),
    /// A member left; so many are present now. For the host.
    Left(Username, LeaveReason, usize),
    /// A member had the history forgotten. For the host.
    HistoryCleared(Username),
}

impl Room {
    /// An empty room, whose members make their keys by `kdf`.
    #[must_use]
    pub fn new(limits: &Limits, kdf: RoomKind, epoch: Epoch, seed: &Seed) -> Self {
        let chain = match kdf {
            RoomKind::Classic => None,
            RoomKind::Strict => Some((0, ChainHash::GENESIS)),
        };
        Self {
            limits: limits.clone(),
            clock: TimestampCache::new(epoch),
            rng: seed.fork("room", 0).rng(),
            logs: Logs::default(),
            chain,
            members: BTreeMap::new(),
            patience: SlowConsumerDetector::new(limits),
            history: History::default(),
            due: None,
            next_news: Tick::ZERO,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. About members who are gone already it is ignored.
    pub fn handle(&mut self, now: Tick, input: RoomInput) {
        let said = self.logs.said();
        let due = if matches!(input, RoomInput::Joined(_)) { self.next_news } else { now };
        match input {
            RoomInput::Joined(admitted) => self.join(now, admitted),
            RoomInput::Request(seat, request) => match request {
                Request::Message(token) => self.broadcast(now, seat, &token),
                Request::ClearHistory(token) => self.clear(now, seat, token.as_ref()),
            },
            RoomInput::Left(seat, reason) => self.leave(seat, reason),
            RoomInput::BruteForceDetected => self.logs.sealed.log.append(&wire::notice(BESIEGED)),
        }
        if self.logs.said() > said {
            self.due = self.due.into_iter().chain([due]).min();
        }
    }

    /// The next thing to be done outside.
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    /// Shares what was appended since the last call, and drops members who are
    /// too slow: look for outputs afterwards. `true` if the outlets have
    /// something new. Too many calls are harmless. News of newcomers alone are
    /// shared only some time after whatever was shared last.
    pub fn publish(&mut self, now: Tick) -> bool {
        let batches = self.logs.open.batches().max(self.logs.sealed.batches());
        if self.patience.needs_scan(now, self.logs.said(), batches) {
            self.drop_slow(now);
        }
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        self.due = None;
        let fresh = self.logs.publish(now);
        if fresh {
            self.next_news = now.saturating_add(JOIN_BATCH_DELAY);
            self.patience.arm(now);
        }
        fresh
    }

    /// Bytes appended and not yet published: past some size, publish.
    #[must_use]
    pub const fn staged_bytes(&self) -> usize {
        self.logs.open.log.staged_bytes() + self.logs.sealed.log.staged_bytes()
    }

    /// When to call [`Self::publish`] at the latest, to share news or to drop who
    /// stands still.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        let late = self.patience.deadline().filter(|_| !self.members.is_empty());
        late.into_iter().chain(self.due).min()
    }

    /// Ends the room: all members get what was said so far, and no more.
    pub fn close(&mut self) {
        self.due = Some(Tick::ZERO);
        let seats: Vec<_> = self.members.keys().copied().collect();
        for seat in seats {
            self.remove(seat, LeaveReason::Closed);
        }
    }

    fn join(&mut self, now: Tick, Admitted { seat, user_id, sealer, .. }: Admitted) {
        let joined = wire::user_joined(&user_id, seat.name());
        self.logs.append(Some(&joined), &joined);
        let present =
            self.members.values().map(|member| (member.user_id.as_str(), member.seat.name()));
        let newcomer = (user_id.as_str(), seat.name());
        let (version, preamble) = if sealer.is_some() {
            let start = self.chain.map(|last| self.history.start().unwrap_or(last));
            let init = wire::sealed_init(present, newcomer, self.history.len(), start);
            let said = self.history.oldest_first().map(|message| message.sealed().clone());
            (ProtocolVersion::V2, std::iter::once(init).chain(said).collect())
        } else {
            (ProtocolVersion::V1, vec![wire::init(present, newcomer, self.history.newest_first())])
        };
        let (cursor, lag) = self.logs.of(version).log.subscribe(preamble, sealer);
        let (id, name) = (seat.id(), seat.name().clone());
        // It has its greeting to take already.
        self.patience.arm(now);
        self.members.insert(id, Member { seat, user_id, version, wait: ReaderLag::new(now, lag) });
        self.outputs.push_back(RoomOutput::Attach(id, cursor));
        self.outputs.push_back(RoomOutput::Joined(name, self.members.len()));
    }

    fn broadcast(&mut self, now: Tick, seat: MemberId, token: &FernetToken) {
        let Some(member) = self.members.get(&seat) else { return };
        let (id, at, name) = (self.rng.uuid(), self.clock.at(now), member.seat.name());
        let before = self.chain;
        let message = match &mut self.chain {
            None => EncodedMessage::classic(&id, token, at, name),
            Some(chain) => {
                EncodedMessage::strict(&id, token, at, name, advance(chain, token, name))
            }
        };
        // One byte more, and every Python client in the room would be cut off.
        if message.size() <= wire::MAX_LINE {
            self.logs.append_message(&message);
            self.history.push(HistoryEntry { message, before }, &self.limits);
        }
    }

    fn clear(&mut self, now: Tick, seat: MemberId, token: Option<&FernetToken>) {
        let Some(member) = self.members.get(&seat) else { return };
        let name = member.seat.name();
        let clearing = match (&mut self.chain, token) {
            (None, _) => EncodedClear::classic(name),
            (Some(chain), Some(token)) => {
                let n = advance(chain, token, name);
                EncodedClear::strict(&self.rng.uuid(), token, self.clock.at(now), name, n)
            }
            // No member of a strict room can ask for that.
            (Some(_), None) => return,
        };
        self.outputs.push_back(RoomOutput::HistoryCleared(name.clone()));
        self.history = History::default();
        self.logs.append(clearing.open.as_ref(), &clearing.sealed);
    }

    fn leave(&mut self, seat: MemberId, reason: LeaveReason) {
        let Some(member) = self.remove(seat, reason) else { return };
        let left = wire::user_left(&member.user_id);
        self.logs.append(Some(&left), &left);
        let name = member.seat.name().clone();
        self.outputs.push_back(RoomOutput::Left(name, reason, self.members.len()));
    }

    /// Its outlet still gets what was appended before, and nothing after.
    fn remove(&mut self, seat: MemberId, reason: LeaveReason) -> Option<Member> {
        let member = self.members.remove(&seat)?;
        let end = self.logs.of(member.version).log.end();
        member.wait.handle.close_at(end, reason.closing_frames());
        Some(member)
    }

    fn drop_slow(&mut self, now: Tick) {
        let members = self
            .members
            .iter_mut()
            .map(|(&seat, member)| (seat, &mut member.wait, self.logs.of(member.version)));
        let slow = self.patience.scan(now, self.logs.said(), members);
        self.logs.open.clear_times();
        self.logs.sealed.clear_times();
        for seat in slow {
            self.due = Some(now);
            self.leave(seat, LeaveReason::SlowConsumer);
            self.outputs.push_back(RoomOutput::Disconnect(seat));
        }
    }
}

/// Told to members while somebody is guessing passwords (PROTOCOL 3.1).
const BESIEGED: &str = "many wrong passwords are being tried; newcomers have to wait";

impl LeaveReason {
    /// Whether the connection is to end at once, without last words: whoever
    /// tampers with it would only read on (PROTOCOL 2.4).
    #[must_use]
    pub const fn is_immediate(self) -> bool {
        matches!(self, Self::ProtocolError(ProtocolError::Tampered))
    }

    /// What a member with a sealed link gets behind everything else. Without a
    /// `bye` it was cut off, and will know.
    fn closing_frames(self) -> Vec<Frame> {
        match self {
            Self::Closed => vec![wire::bye()],
            Self::ProtocolError(violation) => match violation.close_notice() {
                Some(text) => vec![wire::notice(text), wire::bye()],
                None => Vec::new(),
            },
            Self::ConnectionLost | Self::SlowConsumer | Self::TimedOut => Vec::new(),
        }
    }
}

/// One more event. Gives its number.
fn advance(chain: &mut (u64, ChainHash), token: &FernetToken, name: &Username) -> u64 {
    chain.0 += 1;
    chain.1 = chain.1.append(token.as_str(), name.as_str());
    chain.0
}

#[cfg(test)]
mod tests;
