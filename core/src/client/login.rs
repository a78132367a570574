//! The client's side of a login (PROTOCOL 1.2, 1.3).
//!
//! | phase | waits for | leaves with |
//! |---|---|---|
//! | start | nothing | work: `A` |
//! | begun | nothing | line 1 |
//! | reply | line 2 | work: the proof |
//! | proved | nothing | line 3 |
//! | confirm | line 4 | a session |
//!
//! Promises: every value of the server is checked before it is used, and
//! nothing that depends on the room key is sent before the server has proved
//! that it knows the password.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    client::{
        event::{Mode, Unconfirmed},
        guest::Guest,
        session::Session,
    },
    fernet::RoomKey,
    fingerprint::Fingerprint,
    frame::Frame,
    handshake::{Handshake, Step, Work},
    inbox::{Inbox, Line, TooLong},
    keys::{self, Kdf},
    secret::Secret,
    seed::{Rng, Seed},
    srp::{ClientProof, ClientStart, PublicValue, Salt},
    time::Tick,
    tolerant::{self, Value},
    untrusted::Untrusted,
    violation::ErrorText,
    wire,
};

/// A client that wants to come in.
pub struct Login {
    case: Case,
    phase: Phase,
}

/// What all phases need.
struct Case {
    guest: Arc<Guest>,
    unconfirmed: Vec<Unconfirmed>,
    rng: Rng,
    deadline: Tick,
}

enum Phase {
    Start,
    Begun { start: ClientStart },
    Reply { start: ClientStart },
    Proved { user_id: String, proof: ClientProof, room: Room },
    Confirm { proof: ClientProof, room: Room },
}

/// What a session needs of the room.
struct Room {
    key: RoomKey,
    fingerprint: Fingerprint,
}

/// A login whose arithmetic is due.
pub struct LoginWork {
    case: Case,
    job: Job,
}

enum Job {
    Begin { a: Secret<32> },
    Prove { start: ClientStart, challenge: Challenge },
}

/// Line 2, checked.
struct Challenge {
    user_id: String,
    b: PublicValue,
    salt: Salt,
    room_salt: [u8; 16],
}

/// A login that failed.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub why: LoginFailed,
    /// The proof had gone out and was not answered by the right one: whoever
    /// answered may have had a guess at the password. Only a person may try
    /// again (PROTOCOL 2.3).
    pub guess_given: bool,
    /// What an earlier session said and did not hear back.
    pub unconfirmed: Vec<Unconfirmed>,
}

/// Why a login failed.
#[derive(Debug, PartialEq, Eq)]
pub enum LoginFailed {
    /// The server said so. On the wire anybody could have.
    Refused {
        /// The error of PROTOCOL 1.7 that it is, if it is one.
        known: Option<ErrorText>,
        /// The server's words.
        text: Untrusted,
    },
    /// What answered does not speak this protocol.
    NotAServer {
        /// It looks like HTTP.
        http: bool,
    },
    /// The server offers no more than this, and more was insisted on.
    TooWeak(Mode),
    /// It is another room than the one insisted on.
    OtherRoom,
    /// The server could speak protocol 2, and somebody on the way had it fall
    /// back to protocol 1: "downgrade detected".
    Downgrade,
    /// The server speaks a version of the protocol that was not offered.
    UnknownVersion,
    /// The server does not know the password, or sends values that only one
    /// who does not know it would send.
    Unproven,
    /// The server did not answer in time.
    TooSlow,
    /// The server closed the connection without a word.
    Closed,
}

impl Login {
    /// Begins at `now`; to be done after `timeout`. `seed` is this connection's own.
    #[must_use]
    pub fn new(guest: Arc<Guest>, now: Tick, timeout: Duration, seed: &Seed) -> Self {
        let deadline = now.after(timeout);
        let case = Case { guest, unconfirmed: Vec::new(), rng: seed.rng(), deadline };
        Self { case, phase: Phase::Start }
    }

    /// After an earlier session that left these texts unconfirmed: those that
    /// are not in the history are said again, in their order.
    #[must_use]
    pub fn resume(mut self, unconfirmed: Vec<Unconfirmed>) -> Self {
        self.case.unconfirmed = unconfirmed;
        self
    }
}

impl Handshake for Login {
    type Work = LoginWork;
    type Admitted = Session;
    type Refused = Refused;

    fn advance(
        self,
        now: Tick,
        inbox: &mut Inbox,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Self>, Refused> {
        let Self { mut case, phase } = self;
        match phase {
            Phase::Start => {
                let job = Job::Begin { a: case.rng.secret() };
                Ok(Step::NeedsWork(LoginWork { case, job }))
            }
            Phase::Begun { start } => {
                out.push(wire::srp_init(&case.guest.name, start.public()));
                case.reply(now, inbox, start)
            }
            Phase::Reply { start } => case.reply(now, inbox, start),
            Phase::Proved { user_id, proof, room } => {
                out.push(wire::srp_verify(&user_id, proof.proof()));
                case.confirm(now, inbox, proof, room)
            }
            Phase::Confirm { proof, room } => case.confirm(now, inbox, proof, room),
        }
    }

    fn deadline(&self) -> Tick {
        self.case.deadline
    }

    fn overloaded(work: LoginWork, _: &mut Vec<Frame>) -> Refused {
        work.case.refused(LoginFailed::TooSlow, false)
    }
}

impl Case {
    fn reply(
        self,
        now: Tick,
        inbox: &mut Inbox,
        start: ClientStart,
    ) -> Result<Step<Login>, Refused> {
        match self.answer(now, inbox) {
            Ok(Some(answer)) => match self.challenge(&answer) {
                Ok(challenge) => {
                    let job = Job::Prove { start, challenge };
                    Ok(Step::NeedsWork(LoginWork { case: self, job }))
                }
                Err(why) => Err(self.refused(why, false)),
            },
            Ok(None) => Ok(Step::NeedsInput(Login { case: self, phase: Phase::Reply { start } })),
            Err(why) => Err(self.refused(why, false)),
        }
    }

    fn confirm(
        self,
        now: Tick,
        inbox: &mut Inbox,
        proof: ClientProof,
        room: Room,
    ) -> Result<Step<Login>, Refused> {
        match self.answer(now, inbox) {
            Ok(Some(answer)) => match confirm(&answer, proof) {
                Ok(()) => {
                    let Self { guest, unconfirmed, rng, .. } = self;
                    Ok(Step::Done(Session::new(
                        guest,
                        room.fingerprint,
                        room.key,
                        unconfirmed,
                        rng,
                    )))
                }
                Err(why) => Err(self.refused(why, true)),
            },
            Ok(None) => {
                let phase = Phase::Confirm { proof, room };
                Ok(Step::NeedsInput(Login { case: self, phase }))
            }
            Err(why) => Err(self.refused(why, true)),
        }
    }

    /// Line 2, if this client may go on with it.
    fn challenge(&self, answer: &Value) -> Result<Challenge, LoginFailed> {
        let challenge = Challenge::read(answer)?;
        if self.guest.require > Mode::Open {
            return Err(LoginFailed::TooWeak(Mode::Open));
        }
        if self.guest.room.is_some_and(|room| room != challenge.fingerprint()) {
            return Err(LoginFailed::OtherRoom);
        }
        Ok(challenge)
    }

    fn refused(self, why: LoginFailed, guess_given: bool) -> Refused {
        Refused { why, guess_given, unconfirmed: self.unconfirmed }
    }

    /// The answer of the server, if it is complete.
    fn answer(&self, now: Tick, inbox: &mut Inbox) -> Result<Option<Value>, LoginFailed> {
        inbox.set_bound(wire::MAX_LINE);
        match inbox.take() {
            Ok(Line::Whole(line)) => answer(line).map(Some),
            // Python would end a line; what cannot be read was cut off.
            Ok(Line::Last(line)) => match answer(line) {
                Err(LoginFailed::NotAServer { http: false }) => Err(LoginFailed::Closed),
                answer => answer.map(Some),
            },
            Ok(Line::Incomplete) if now < self.deadline => Ok(None),
            Ok(Line::Incomplete) => Err(LoginFailed::TooSlow),
            Ok(Line::End) => Err(LoginFailed::Closed),
            Err(TooLong) => Err(LoginFailed::NotAServer { http: false }),
        }
    }
}

/// The object that a line of the server is, unless it is an error or none at all.
fn answer(line: &[u8]) -> Result<Value, LoginFailed> {
    let http = line.starts_with(b"HTTP/");
    let answer = tolerant::read(line).ok_or(LoginFailed::NotAServer { http })?;
    match answer.get("error") {
        None => Ok(answer),
        Some(error) => {
            let text = error.as_text().map_or_else(|| error.to_text(), str::to_owned);
            Err(LoginFailed::Refused {
                known: ErrorText::from_wire(&text),
                text: Untrusted::new(text),
            })
        }
    }
}

fn bytes(answer: &Value, key: &str) -> Result<Vec<u8>, LoginFailed> {
    let text = answer.get(key).and_then(Value::as_text);
    text.and_then(|text| STANDARD.decode(text).ok()).ok_or(LoginFailed::NotAServer { http: false })
}

impl Challenge {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(Kdf::None, &self.room_salt, &self.salt)
    }

    fn read(answer: &Value) -> Result<Self, LoginFailed> {
        let user_id = answer.get("user_id").and_then(Value::as_text).filter(|id| !id.is_empty());
        Ok(Self {
            user_id: user_id.ok_or(LoginFailed::NotAServer { http: false })?.to_owned(),
            b: PublicValue::from_wire(&bytes(answer, "B")?).map_err(|_| LoginFailed::Unproven)?,
            salt: Salt::from_wire(&bytes(answer, "salt")?).map_err(|_| LoginFailed::Unproven)?,
            room_salt: bytes(answer, "room_salt")?.try_into().map_err(|_| LoginFailed::Unproven)?,
        })
    }
}

fn confirm(answer: &Value, proof: ClientProof) -> Result<(), LoginFailed> {
    let h_amk = bytes(answer, "H_AMK").map_err(|_| LoginFailed::Unproven)?;
    // K itself is not needed: protocol 1 seals nothing with it.
    proof.check(&h_amk).map(drop).map_err(|_| LoginFailed::Unproven)
}

impl Work for LoginWork {
    type Next = Login;

    fn run(self) -> Login {
        let Self { case, job } = self;
        let phase = match job {
            Job::Begin { a } => Phase::Begun { start: ClientStart::new(a) },
            Job::Prove { start, challenge } => {
                let fingerprint = challenge.fingerprint();
                let Challenge { user_id, b, salt, room_salt } = challenge;
                let key = keys::room_key(&case.guest.password, &room_salt);
                Phase::Proved {
                    user_id,
                    proof: start.answer(&case.guest.password, &salt, &b),
                    room: Room { key, fingerprint },
                }
            }
        };
        Login { case, phase }
    }
}
