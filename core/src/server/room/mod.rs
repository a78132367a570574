//! The room: a conversation that delivers the same events to all members in one
//! order.
//!
//! # Theory of operation
//!
//! The room holds no key. It wraps the sender's opaque token, encodes the event
//! once for each protocol version, and appends it to the log of that version.
//! Each member is a cursor into one of the logs, so all members receive the same
//! events, in the same order, each exactly once. A new member's preamble and
//! cursor are created in one step, so no event is missed or repeated between
//! them. In a strict room, events are numbered and linked by a hash chain
//! (PROTOCOL 2.6).
//!
//! `handle` only stages events. They become visible with `publish`, which the
//! caller calls once for all the inputs that were waiting. The room drops a
//! member whose cursor lags by more than the limit, or does not advance for too
//! long. It never waits for a member.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
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
    strict_room::hash_chain::{ChainHash, EventKind},
    time::{Epoch, Tick},
    transport::broadcast::LogCursor,
    transport::frame::Frame,
    username::Username,
    wire::{
        self, EncodedClear, EncodedMessage, FernetToken, MemberEntry, ProtocolVersion, Request,
        TimestampCache, server_message::Start,
    },
};

mod history;
mod slow_consumer;

use history::{History, HistoryEntry};
use slow_consumer::{ReaderLag, SlowConsumerDetector, TimedLog};

/// The room of one server.
pub struct Room {
    limits: Limits,
    clock: TimestampCache,
    rng: Rng,
    logs: Logs,
    /// Number and chain hash of the last event, in a strict room.
    chain: Option<(u64, ChainHash)>,
    /// Random number of this run of the server.
    run: [u8; 16],
    members: BTreeMap<MemberId, Member>,
    patience: SlowConsumerDetector,
    history: History,
    /// When to publish the staged events. `None` if none are staged.
    due: Option<Tick>,
    /// Joins without other events are not published before this time.
    next_news: Tick,
    outputs: VecDeque<RoomOutput>,
}

/// Minimum time between a publication and the next one that contains only joins.
/// Joins are batched, because each publication is a write to every member.
const JOIN_BATCH_DELAY: Duration = Duration::from_millis(50);

/// The logs of the same events, one for each protocol version.
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

    /// Appends an event. `open` is `None` only in a room that does not support
    /// protocol 1.
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

    /// Returns the number of bytes ever appended, to both logs together.
    fn said(&self) -> u64 {
        self.open.log.end() + self.sealed.log.end()
    }
}

struct Member {
    slot: MemberSlot,
    user_id: String,
    /// The token with which the member introduced itself, in a strict room.
    hello: Option<FernetToken>,
    version: ProtocolVersion,
    wait: ReaderLag,
}

/// An input of the room.
#[derive(Debug)]
pub enum RoomInput {
    /// A login has succeeded.
    Joined(Admitted),
    /// A member has sent a request.
    Request(MemberId, Request),
    /// A member's connection has ended.
    Left(MemberId, LeaveReason),
    /// So many logins fail that new logins are delayed.
    BruteForceDetected,
}

/// The reason why a member left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveReason {
    /// The member closed the connection.
    Closed,
    /// The connection failed.
    ConnectionLost,
    /// The member violated the protocol.
    ProtocolError(ProtocolError),
    /// Nothing arrived from the member for 90 s, on a sealed link.
    TimedOut,
    /// The member did not read its data fast enough.
    SlowConsumer,
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// For good: its clients leave.
    Final,
    /// It may be started anew: its clients reconnect.
    Restart,
}

/// An action for the caller. Perform the actions in order.
#[derive(Debug)]
pub enum RoomOutput {
    /// Write the data of this cursor to this member.
    Attach(MemberId, LogCursor),
    /// Close this member's connection.
    Disconnect(MemberId),
    /// A member joined. The number counts the members now present. For the
    /// operator.
    Joined(Username, usize),
    /// A member left. The number counts the members now present. For the
    /// operator.
    Left(Username, LeaveReason, usize),
    /// A member cleared the history. For the operator.
    HistoryCleared(Username),
}

impl Member {
    fn entry(&self) -> MemberEntry<'_> {
        member_entry(&self.user_id, &self.slot, self.hello.as_ref())
    }
}

fn member_entry<'a>(
    user_id: &'a str,
    slot: &'a MemberSlot,
    hello: Option<&'a FernetToken>,
) -> MemberEntry<'a> {
    let hello = hello.map(FernetToken::as_str);
    MemberEntry { user_id, username: slot.name().as_str(), hello }
}

impl Room {
    /// Creates an empty room of the kind `kdf`.
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
            run: seed.fork("run", 0).rng().bytes(),
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

    /// Corrects the wall clock by a new measurement. Call it before handling inputs.
    pub fn set_epoch(&mut self, measured: Epoch) {
        self.clock.correct(measured);
    }

    /// Handles one input. Ignores inputs about members that have left.
    pub fn handle(&mut self, now: Tick, input: RoomInput) {
        let said = self.logs.said();
        let due = if matches!(input, RoomInput::Joined(_)) { self.next_news } else { now };
        match input {
            RoomInput::Joined(admitted) => self.join(now, admitted),
            RoomInput::Request(slot, request) => {
                if let Some(member) = self.members.get_mut(&slot) {
                    member.slot.confirm();
                }
                match request {
                    Request::Message(token) => self.broadcast(now, slot, &token),
                    Request::ClearHistory(token) => self.clear(now, slot, token.as_ref()),
                }
            }
            RoomInput::Left(slot, reason) => self.leave(slot, reason),
            RoomInput::BruteForceDetected => self.logs.sealed.log.append(&wire::notice(BESIEGED)),
        }
        if self.logs.said() > said {
            self.due = self.due.into_iter().chain([due]).min();
        }
    }

    /// Returns the next action for the caller.
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    /// Publishes the staged events and drops members that are too slow. Call
    /// [`Self::poll_output`] afterwards. Returns `true` if the cursors have new
    /// data. Extra calls are harmless. Joins without other events are published
    /// only some time after the previous publication.
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

    /// Returns the number of bytes staged and not yet published. The caller
    /// should publish once this exceeds its batch size.
    #[must_use]
    pub const fn staged_bytes(&self) -> usize {
        self.logs.open.log.staged_bytes() + self.logs.sealed.log.staged_bytes()
    }

    /// Returns the latest time at which to call [`Self::publish`], to publish
    /// events or to drop stalled members.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Tick> {
        let late = self.patience.deadline().filter(|_| !self.members.is_empty());
        late.into_iter().chain(self.due).min()
    }

    /// Closes the room. All members receive the events handled so far, then a
    /// `bye`, and no more.
    pub fn close(&mut self, shutdown: Shutdown) {
        let bye = match shutdown {
            Shutdown::Final => wire::bye(),
            Shutdown::Restart => wire::bye_again(),
        };
        self.due = Some(Tick::ZERO);
        self.logs.open.log.append(&bye);
        for (_, member) in mem::take(&mut self.members) {
            let end = self.logs.of(member.version).log.end();
            member.wait.handle.close_at(end, vec![bye.clone()]);
        }
    }

    fn join(&mut self, now: Tick, admitted: Admitted) {
        let Admitted { slot, user_id, sealer, history, hello, .. } = admitted;
        if let Some(ghost) = slot.replaced() {
            // The same client over a connection that it has lost.
            self.leave(ghost, LeaveReason::ConnectionLost);
            self.outputs.push_back(RoomOutput::Disconnect(ghost));
        }
        let newcomer = member_entry(&user_id, &slot, hello.as_ref());
        let joined = wire::user_joined(newcomer);
        self.logs.append(Some(&joined), &joined);
        let (version, preamble) = if sealer.is_some() {
            (ProtocolVersion::V2, self.preamble(newcomer, history))
        } else {
            let present =
                self.members.values().map(|member| (&*member.user_id, member.slot.name()));
            let newcomer = (user_id.as_str(), slot.name());
            let init = wire::init(present, newcomer, self.history.newest_first());
            (ProtocolVersion::V1, vec![init])
        };
        let (cursor, lag) = self.logs.of(version).log.subscribe(preamble, sealer);
        let (id, name) = (slot.id(), slot.name().clone());
        // The preamble is already waiting for the member.
        self.patience.arm(now);
        let wait = ReaderLag::new(now, lag);
        self.members.insert(id, Member { slot, user_id, hello, version, wait });
        self.outputs.push_back(RoomOutput::Attach(id, cursor));
        self.outputs.push_back(RoomOutput::Joined(name, self.members.len()));
    }

    /// Returns what a newcomer of protocol 2 receives first: `init`, the members and the
    /// newest messages, as many as it wants.
    fn preamble(&self, newcomer: MemberEntry<'_>, wanted: Option<u64>) -> Vec<Frame> {
        let wanted = wanted.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        let count = self.history.len().min(wanted);
        let start = self.chain.map(|last| {
            let (n, view) = self.history.start(count).unwrap_or(last);
            Start { run: self.run, n, view }
        });
        let mut lines = vec![wire::sealed_init(self.members.len() + 1, count, start.as_ref())];
        let entries = self.members.values().map(Member::entry).chain([newcomer]);
        lines.extend(wire::members(entries));
        lines.extend(self.history.newest(count).map(|message| message.sealed().clone()));
        lines
    }

    fn broadcast(&mut self, now: Tick, slot: MemberId, token: &FernetToken) {
        let Some(member) = self.members.get(&slot) else { return };
        let (id, at, name) = (self.rng.uuid(), self.clock.at(now), member.slot.name());
        let before = self.chain;
        let message = match &mut self.chain {
            None => EncodedMessage::classic(&id, token, at, name),
            Some(chain) => EncodedMessage::strict(
                &id,
                token,
                at,
                name,
                advance(chain, EventKind::Message, token, name),
            ),
        };
        // A longer line would disconnect every Python client in the room.
        if message.size() <= wire::MAX_LINE {
            self.logs.append_message(&message);
            self.history.push(HistoryEntry { message, before }, &self.limits);
        }
    }

    fn clear(&mut self, now: Tick, slot: MemberId, token: Option<&FernetToken>) {
        let Some(member) = self.members.get(&slot) else { return };
        let name = member.slot.name();
        let clearing = match (&mut self.chain, token) {
            (None, _) => EncodedClear::classic(name),
            (Some(chain), Some(token)) => {
                let n = advance(chain, EventKind::Cleared, token, name);
                EncodedClear::strict(&self.rng.uuid(), token, self.clock.at(now), name, n)
            }
            // Members of a strict room cannot send such a request.
            (Some(_), None) => return,
        };
        self.outputs.push_back(RoomOutput::HistoryCleared(name.clone()));
        self.history = History::default();
        self.logs.append(clearing.open.as_ref(), &clearing.sealed);
    }

    fn leave(&mut self, slot: MemberId, reason: LeaveReason) {
        let Some(member) = self.remove(slot, reason) else { return };
        let left = wire::user_left(&member.user_id);
        self.logs.append(Some(&left), &left);
        let name = member.slot.name().clone();
        self.outputs.push_back(RoomOutput::Left(name, reason, self.members.len()));
    }

    /// Removes a member. Its cursor still delivers the events staged so far and
    /// none after them.
    fn remove(&mut self, slot: MemberId, reason: LeaveReason) -> Option<Member> {
        let mut member = self.members.remove(&slot)?;
        if reason.is_loss() {
            member.slot.mark_lost();
        }
        let end = self.logs.of(member.version).log.end();
        member.wait.handle.close_at(end, reason.closing_frames());
        Some(member)
    }

    fn drop_slow(&mut self, now: Tick) {
        let members = self
            .members
            .iter_mut()
            .map(|(&slot, member)| (slot, &mut member.wait, self.logs.of(member.version)));
        let slow = self.patience.scan(now, self.logs.said(), members);
        self.logs.open.clear_times();
        self.logs.sealed.clear_times();
        for slot in slow {
            self.due = Some(now);
            self.leave(slot, LeaveReason::SlowConsumer);
            self.outputs.push_back(RoomOutput::Disconnect(slot));
        }
    }
}

/// Notice to members during a brute-force attack (PROTOCOL 3.1).
const BESIEGED: &str = "many wrong passwords are being tried; newcomers have to wait";

impl LeaveReason {
    /// Returns whether the session ended without a `bye`, so that the member may
    /// resume it.
    const fn is_loss(self) -> bool {
        match self {
            Self::ConnectionLost | Self::TimedOut | Self::SlowConsumer => true,
            Self::Closed | Self::ProtocolError(_) => false,
        }
    }

    /// Returns whether to abort the connection at once, without closing frames.
    /// Otherwise an attacker that tampers with it could go on reading (PROTOCOL
    /// 2.4).
    #[must_use]
    pub const fn is_immediate(self) -> bool {
        matches!(self, Self::ProtocolError(ProtocolError::Tampered))
    }

    /// Returns the frames that a member with a sealed link receives last. A
    /// member that receives no `bye` detects that it was cut off.
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

/// Advances the chain by one event. Returns the event's number.
fn advance(
    chain: &mut (u64, ChainHash),
    event: EventKind,
    token: &FernetToken,
    name: &Username,
) -> u64 {
    chain.0 += 1;
    chain.1 = chain.1.append(event, token.as_str(), name.as_str());
    chain.0
}

#[cfg(test)]
mod tests;
