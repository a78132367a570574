//! The server's side of a login (PROTOCOL 1.2, 1.3, 1.7).
//!
//! | phase | waits for | leaves with |
//! |---|---|---|
//! | hello | line 1 | work: `B` |
//! | challenge | its moment, if somebody is guessing | line 2 |
//! | verify | line 3 | work: the proof to expect |
//! | proof | nothing | line 4 and a seat, or an error line |
//!
//! Promises: a seat is only ever given for a right proof; the name is tested
//! when it is asked for and again, atomically with taking the seat; each
//! modular exponentiation is done once; whatever the peer sends, it gets an
//! answer of PROTOCOL 1.7 or silence, and the place it took at the gate is
//! free when the value is dropped.

use std::{sync::Arc, time::Duration};

use crate::{
    frame::Frame,
    handshake::{Handshake, Step, Work},
    inbox::{Inbox, Line, TooLong},
    name::Name,
    secret::{Password, Secret},
    seed::{Rng, Seed},
    server::gate::{Pass, Seat},
    srp::{PublicValue, Salt, ServerChallenge, ServerProof, Verifier},
    time::Tick,
    violation::{ErrorText, Violation},
    wire,
};

/// What a server knows of its room: enough to recognise members, not the password.
#[derive(Debug)]
pub struct Credentials {
    verifier: Arc<Verifier>,
    room_salt: [u8; 16],
}

impl Credentials {
    /// For a classic room (PROTOCOL 1.3, 1.4) with salts from `seed`. Slow:
    /// one modular exponentiation.
    #[must_use]
    pub fn classic(password: &Password, seed: &Seed) -> Self {
        let mut rng = seed.fork("credentials", 0).rng();
        let mut salt: [u8; 16] = rng.bytes();
        // No leading zero byte: what is sent is what is hashed, all 16 bytes.
        salt[0] |= 1;
        Self {
            verifier: Arc::new(Verifier::new(password, Salt::from(salt))),
            room_salt: rng.bytes(),
        }
    }
}

/// A connection that wants to come in.
pub struct Login {
    case: Case,
    phase: Phase,
}

/// What all phases need.
struct Case {
    credentials: Arc<Credentials>,
    pass: Pass,
    rng: Rng,
    deadline: Tick,
}

enum Phase {
    Hello,
    Challenge { visitor: Visitor, challenge: ServerChallenge, due: Option<Tick> },
    Verify { visitor: Visitor, challenge: ServerChallenge },
    Proof { visitor: Visitor, proof: ServerProof, m: Vec<u8> },
}

/// Who the peer says it is.
struct Visitor {
    name: Name,
    user_id: String,
    a: PublicValue,
}

/// A login whose arithmetic is due.
pub struct LoginWork {
    case: Case,
    visitor: Visitor,
    job: Job,
}

enum Job {
    Challenge { b: Secret<32> },
    Proof { challenge: ServerChallenge, m: Vec<u8> },
}

/// Logged in: to be handed to the room.
#[derive(Debug)]
pub struct Admitted {
    /// The place in the room; dropping it leaves the room.
    pub seat: Seat,
    /// The `user_id` of line 2, a UUID.
    pub user_id: String,
}

/// A login that failed. It keeps its place at the gate until it is dropped, so
/// that connections being seen out are counted too.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub violation: Violation,
    _pass: Pass,
}

impl Login {
    /// A connection accepted at `now`; `seed` is its own fork.
    #[must_use]
    pub fn new(
        credentials: Arc<Credentials>,
        pass: Pass,
        now: Tick,
        timeout: Duration,
        seed: &Seed,
    ) -> Self {
        let case = Case { credentials, pass, rng: seed.rng(), deadline: now.after(timeout) };
        Self { case, phase: Phase::Hello }
    }
}

impl Handshake for Login {
    type Work = LoginWork;
    type Admitted = Admitted;
    type Refused = Refused;

    fn advance(
        self,
        now: Tick,
        inbox: &mut Inbox,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Self>, Refused> {
        let Self { case, phase } = self;
        match phase {
            Phase::Hello => case.hello(now, inbox, out),
            Phase::Challenge { visitor, challenge, due } => {
                Ok(case.challenge(now, out, visitor, challenge, due))
            }
            Phase::Verify { visitor, challenge } => {
                case.verify(now, inbox, out, visitor, challenge)
            }
            Phase::Proof { visitor, proof, m } => {
                case.judge(now, out, visitor, proof, &m).map(Step::Done)
            }
        }
    }

    fn deadline(&self) -> Tick {
        self.case.deadline
    }

    fn overloaded(work: LoginWork, out: &mut Vec<Frame>) -> Refused {
        work.case.refuse(out, ErrorText::TryAgainLater)
    }
}

impl Case {
    fn hello(
        mut self,
        now: Tick,
        inbox: &mut Inbox,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Login>, Refused> {
        let line = match self.line(now, inbox) {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Step::NeedsInput(Login { case: self, phase: Phase::Hello })),
            Err(violation) => return Err(self.refuse(out, violation)),
        };
        let visitor = wire::read_hello(line).and_then(|hello| {
            if !self.pass.name_is_free(&hello.name) {
                return Err(ErrorText::UsernameTaken);
            }
            let a = hello
                .a
                .and_then(|a| PublicValue::from_wire(&a).ok())
                .ok_or(ErrorText::SrpInitFailed)?;
            Ok(Visitor { name: hello.name, user_id: self.rng.uuid(), a })
        });
        match visitor {
            Ok(visitor) => {
                let job = Job::Challenge { b: self.rng.secret() };
                Ok(Step::NeedsWork(LoginWork { case: self, visitor, job }))
            }
            Err(text) => Err(self.refuse(out, text)),
        }
    }

    fn challenge(
        mut self,
        now: Tick,
        out: &mut Vec<Frame>,
        visitor: Visitor,
        challenge: ServerChallenge,
        due: Option<Tick>,
    ) -> Step<Login> {
        let due = due.unwrap_or_else(|| self.pass.challenge_at(now));
        if due > now {
            let phase = Phase::Challenge { visitor, challenge, due: Some(due) };
            return Step::NeedsTime(due, Login { case: self, phase });
        }
        let salt = self.credentials.verifier.salt().as_bytes();
        out.push(wire::challenge(
            &visitor.user_id,
            challenge.public(),
            salt,
            &self.credentials.room_salt,
        ));
        Step::NeedsInput(Login { case: self, phase: Phase::Verify { visitor, challenge } })
    }

    fn verify(
        mut self,
        now: Tick,
        inbox: &mut Inbox,
        out: &mut Vec<Frame>,
        visitor: Visitor,
        challenge: ServerChallenge,
    ) -> Result<Step<Login>, Refused> {
        let line = match self.line(now, inbox) {
            Ok(Some(line)) => line,
            Ok(None) => {
                let phase = Phase::Verify { visitor, challenge };
                return Ok(Step::NeedsInput(Login { case: self, phase }));
            }
            Err(violation) => return Err(self.refuse(out, violation)),
        };
        match wire::read_proof(line, &visitor.user_id) {
            Ok(m) => Ok(Step::NeedsWork(LoginWork {
                case: self,
                visitor,
                job: Job::Proof { challenge, m },
            })),
            Err(text) => {
                self.pass.gave_up(now);
                Err(self.refuse(out, text))
            }
        }
    }

    fn judge(
        mut self,
        now: Tick,
        out: &mut Vec<Frame>,
        visitor: Visitor,
        proof: ServerProof,
        m: &[u8],
    ) -> Result<Admitted, Refused> {
        let Ok(proven) = proof.check(m) else {
            self.pass.proof_failed(now);
            return Err(self.refuse(out, ErrorText::AuthenticationFailed));
        };
        match self.pass.sit(now, visitor.name) {
            Ok(seat) => {
                out.push(wire::confirmation(&proven.h_amk, &self.rng.bytes()));
                Ok(Admitted { seat, user_id: visitor.user_id })
            }
            Err((pass, text)) => {
                out.push(wire::error(text));
                Err(Refused { violation: text.into(), _pass: pass })
            }
        }
    }

    /// The line that this phase waits for, if it is there.
    fn line<'a>(&mut self, now: Tick, inbox: &'a mut Inbox) -> Result<Option<&'a [u8]>, Violation> {
        inbox.set_bound(wire::MAX_HANDSHAKE_LINE);
        let violation = match inbox.take() {
            Ok(Line::Whole(line) | Line::Last(line)) => return Ok(Some(line)),
            Ok(Line::Incomplete) if now < self.deadline => return Ok(None),
            Ok(Line::Incomplete) => {
                self.pass.took_too_long(now);
                return Err(Violation::TooSlow);
            }
            Ok(Line::End) => Violation::Abandoned,
            Err(TooLong) => Violation::LineTooLong,
        };
        self.pass.gave_up(now);
        Err(violation)
    }

    fn refuse(self, out: &mut Vec<Frame>, violation: impl Into<Violation>) -> Refused {
        let violation = violation.into();
        out.extend(violation.answer().map(wire::error));
        Refused { violation, _pass: self.pass }
    }
}

impl Work for LoginWork {
    type Next = Login;

    fn run(self) -> Login {
        let Self { case, visitor, job } = self;
        let phase = match job {
            Job::Challenge { b } => {
                let challenge = ServerChallenge::new(Arc::clone(&case.credentials.verifier), b);
                Phase::Challenge { visitor, challenge, due: None }
            }
            Job::Proof { challenge, m } => {
                let proof = challenge.answer(&visitor.a);
                Phase::Proof { visitor, proof, m }
            }
        };
        Login { case, phase }
    }
}
