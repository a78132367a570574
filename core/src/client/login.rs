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
    client::session::Session,
    fernet::RoomKey,
    frame::Frame,
    handshake::{Handshake, Step, Work},
    inbox::{Inbox, Line, TooLong},
    keys,
    name::Name,
    secret::{Password, Secret},
    seed::{Rng, Seed},
    srp::{ClientProof, ClientStart, PublicValue, Salt},
    time::{Epoch, Tick},
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
    name: Name,
    password: Arc<Password>,
    epoch: Epoch,
    rng: Rng,
    deadline: Tick,
}

enum Phase {
    Start,
    Begun { start: ClientStart },
    Reply { start: ClientStart },
    Proved { user_id: String, proof: ClientProof, key: RoomKey },
    Confirm { proof: ClientProof, key: RoomKey },
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
    pub fn new(
        name: Name,
        password: Arc<Password>,
        epoch: Epoch,
        now: Tick,
        timeout: Duration,
        seed: &Seed,
    ) -> Self {
        let case = Case { name, password, epoch, rng: seed.rng(), deadline: now.after(timeout) };
        Self { case, phase: Phase::Start }
    }
}

impl Handshake for Login {
    type Work = LoginWork;
    type Admitted = Session;
    type Refused = LoginFailed;

    fn advance(
        self,
        now: Tick,
        inbox: &mut Inbox,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Self>, LoginFailed> {
        let Self { mut case, phase } = self;
        let phase = match phase {
            Phase::Start => {
                let job = Job::Begin { a: case.rng.secret() };
                return Ok(Step::NeedsWork(LoginWork { case, job }));
            }
            Phase::Begun { start } => {
                out.push(wire::srp_init(&case.name, start.public()));
                return Self { case, phase: Phase::Reply { start } }.advance(now, inbox, out);
            }
            Phase::Reply { start } => match case.answer(now, inbox)? {
                Some(answer) => {
                    let job = Job::Prove { start, challenge: Challenge::read(&answer)? };
                    return Ok(Step::NeedsWork(LoginWork { case, job }));
                }
                None => Phase::Reply { start },
            },
            Phase::Proved { user_id, proof, key } => {
                out.push(wire::srp_verify(&user_id, proof.proof()));
                return Self { case, phase: Phase::Confirm { proof, key } }
                    .advance(now, inbox, out);
            }
            Phase::Confirm { proof, key } => match case.answer(now, inbox)? {
                Some(answer) => {
                    confirm(&answer, proof)?;
                    return Ok(Step::Done(Session::new(case.name, key, case.epoch, case.rng)));
                }
                None => Phase::Confirm { proof, key },
            },
        };
        Ok(Step::NeedsInput(Self { case, phase }))
    }

    fn deadline(&self) -> Tick {
        self.case.deadline
    }

    fn overloaded(_: LoginWork, _: &mut Vec<Frame>) -> LoginFailed {
        LoginFailed::TooSlow
    }
}

impl Case {
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
            Job::Prove { start, challenge: Challenge { user_id, b, salt, room_salt } } => {
                Phase::Proved {
                    user_id,
                    proof: start.answer(&case.password, &salt, &b),
                    key: keys::room_key(&case.password, &room_salt),
                }
            }
        };
        Login { case, phase }
    }
}
