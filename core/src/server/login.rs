//! The server's side of a login (PROTOCOL 1.2, 1.3, 1.7).
//!
//! | phase | waits for | leaves with |
//! |---|---|---|
//! | hello | line 1 | work: `B` |
//! | challenge | its moment, if somebody is guessing | line 2 |
//! | verify | line 3 | work: the proof to expect |
//! | proof | nothing | line 4 and a seat, or an error line |
//!
//! In protocol 2 the same four lines pass; the proofs are other ones, bound to
//! the lines themselves, and the link is sealed from then on (PROTOCOL 2.3).
//!
//! Promises: a seat is only ever given for a right proof; the name is tested
//! when it is asked for (in protocol 1 only: in protocol 2 strangers cannot ask
//! who is present) and again, atomically with taking the seat; each
//! modular exponentiation is done once; whatever the peer sends, it gets an
//! answer of PROTOCOL 1.7 or silence, and the place it took at the gate is
//! free when the value is dropped.

use std::{sync::Arc, time::Duration};

use crate::{
    crypto::key_schedule::{KeyConfirmation, Transcript},
    crypto::srp::{PublicValue, ServerChallenge, ServerProof},
    error::{ProtocolError, WireError},
    handshake::{Handshake, Job, Step},
    room_kind::RoomKind,
    secret::Secret,
    seed::{Rng, Seed},
    server::{
        admission::{LoginPermit, MemberSlot},
        credentials::Credentials,
    },
    time::Tick,
    transport::frame::Frame,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    transport::record::{RecordOpener, RecordSealer},
    username::Username,
    wire::{self, ClientHello, ProtocolVersion},
};

/// A connection that wants to come in.
pub struct Login {
    case: Context,
    phase: Phase,
}

/// What all phases need.
struct Context {
    credentials: Arc<Credentials>,
    pass: LoginPermit,
    rng: Rng,
    deadline: Tick,
}

enum Phase {
    Hello,
    Challenge { visitor: ClaimedIdentity, challenge: ServerChallenge, due: Option<Tick> },
    Verify { visitor: ClaimedIdentity, challenge: ServerChallenge },
    Proof { visitor: ClaimedIdentity, proof: ServerProof, m: Vec<u8> },
}

/// Who the peer says it is.
struct ClaimedIdentity {
    version: ProtocolVersion,
    name: Username,
    user_id: String,
    a: PublicValue,
    /// What passed, for the proofs of protocol 2.
    transcript: Transcript,
}

/// A login whose arithmetic is due.
pub struct LoginJob {
    case: Context,
    visitor: ClaimedIdentity,
    job: Computation,
}

enum Computation {
    Challenge { b: Secret<32> },
    Proof { challenge: ServerChallenge, m: Vec<u8> },
}

/// Logged in: to be handed to the room.
#[derive(Debug)]
pub struct Admitted {
    /// The place in the room; dropping it leaves the room.
    pub seat: MemberSlot,
    /// The `user_id` of line 2, a UUID.
    pub user_id: String,
    /// Seals what is sent to the member, where protocol 2 is spoken.
    pub(crate) sealer: Option<RecordSealer>,
    /// Opens what the member sends, where protocol 2 is spoken, until the
    /// member's [`super::RequestReader`] takes it.
    pub(crate) opener: Option<RecordOpener>,
    /// How the room makes its keys.
    pub(crate) kdf: RoomKind,
}

impl Admitted {
    /// Over protocol 1, to a classic room.
    #[must_use]
    pub const fn open(seat: MemberSlot, user_id: String) -> Self {
        Self { seat, user_id, sealer: None, opener: None, kdf: RoomKind::Classic }
    }
}

/// A login that failed. It keeps its place at the gate until it is dropped, so
/// that connections being seen out are counted too.
#[derive(Debug)]
pub struct LoginError {
    /// Why.
    pub error: ProtocolError,
    _permit: LoginPermit,
}

impl Login {
    /// A connection accepted at `now`; `seed` is its own fork.
    #[must_use]
    pub fn new(
        credentials: Arc<Credentials>,
        pass: LoginPermit,
        now: Tick,
        timeout: Duration,
        seed: &Seed,
    ) -> Self {
        let case =
            Context { credentials, pass, rng: seed.rng(), deadline: now.saturating_add(timeout) };
        Self { case, phase: Phase::Hello }
    }
}

impl Handshake for Login {
    type Job = LoginJob;
    type Output = Admitted;
    type LoginError = LoginError;

    fn advance(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Self>, LoginError> {
        let Self { case, phase } = self;
        match phase {
            Phase::Hello => case.hello(now, decoder, out),
            Phase::Challenge { visitor, challenge, due } => {
                case.challenge(now, decoder, out, visitor, challenge, due)
            }
            Phase::Verify { visitor, challenge } => {
                case.verify(now, decoder, out, visitor, challenge)
            }
            Phase::Proof { visitor, proof, m } => {
                case.judge(now, out, visitor, proof, &m).map(Step::Done)
            }
        }
    }

    fn deadline(&self) -> Tick {
        self.case.deadline
    }

    fn reject_overloaded(work: LoginJob, out: &mut Vec<Frame>) -> LoginError {
        work.case.refuse(out, WireError::TryAgainLater)
    }
}

impl Context {
    fn hello(
        mut self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Login>, LoginError> {
        let line = match self.line(now, decoder) {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Step::NeedsInput(Login { case: self, phase: Phase::Hello })),
            Err(violation) => return Err(self.refuse(out, violation)),
        };
        let visitor = wire::read_hello(line, self.credentials.spoken).and_then(|hello| {
            if hello.version == ProtocolVersion::V1 && !self.pass.name_is_free(&hello.name) {
                return Err(WireError::UsernameTaken);
            }
            let a = hello
                .a
                .and_then(|a| PublicValue::from_wire(&a).ok())
                .ok_or(WireError::SrpInitFailed)?;
            let user_id = self.rng.uuid();
            let transcript = Transcript { line_1: line.to_vec(), ..Transcript::default() };
            let ClientHello { version, name, .. } = hello;
            Ok(ClaimedIdentity { version, name, user_id, a, transcript })
        });
        match visitor {
            Ok(visitor) => {
                let job = Computation::Challenge { b: self.rng.secret() };
                Ok(Step::Compute(LoginJob { case: self, visitor, job }))
            }
            Err(text) => Err(self.refuse(out, text)),
        }
    }

    fn challenge(
        mut self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
        mut visitor: ClaimedIdentity,
        challenge: ServerChallenge,
        due: Option<Tick>,
    ) -> Result<Step<Login>, LoginError> {
        let due = due.unwrap_or_else(|| self.pass.challenge_ready_at(now));
        if due > now {
            let phase = Phase::Challenge { visitor, challenge, due: Some(due) };
            return Ok(Step::WaitUntil(due, Login { case: self, phase }));
        }
        let Credentials { verifier, room_salt, kdf, .. } = &*self.credentials;
        let (user_id, b, salt) = (&visitor.user_id, challenge.public(), verifier.salt().as_bytes());
        let line = match visitor.version {
            ProtocolVersion::V1 => wire::challenge(user_id, b, salt, room_salt),
            ProtocolVersion::V2 => wire::sealed_challenge(user_id, b, salt, room_salt, *kdf),
        };
        visitor.transcript.line_2 = line.line().to_vec();
        out.push(line);
        // Line 3 may be here already, from a client that did not wait.
        self.verify(now, decoder, out, visitor, challenge)
    }

    fn verify(
        mut self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
        mut visitor: ClaimedIdentity,
        challenge: ServerChallenge,
    ) -> Result<Step<Login>, LoginError> {
        let line = match self.line(now, decoder) {
            Ok(Some(line)) => line,
            Ok(None) => {
                let phase = Phase::Verify { visitor, challenge };
                return Ok(Step::NeedsInput(Login { case: self, phase }));
            }
            Err(violation) => return Err(self.refuse(out, violation)),
        };
        match wire::read_proof(line, visitor.version, &visitor.user_id) {
            Ok(m) => {
                visitor.transcript.line_3 = line.to_vec();
                let job = Computation::Proof { challenge, m };
                Ok(Step::Compute(LoginJob { case: self, visitor, job }))
            }
            Err(text) => {
                self.pass.abandoned(now);
                Err(self.refuse(out, text))
            }
        }
    }

    fn judge(
        mut self,
        now: Tick,
        out: &mut Vec<Frame>,
        visitor: ClaimedIdentity,
        proof: ServerProof,
        m: &[u8],
    ) -> Result<Admitted, LoginError> {
        let ClaimedIdentity { version, name, user_id, transcript, .. } = visitor;
        let Some(answer) = Answer::to(version, &transcript, proof, m) else {
            self.pass.proof_failed(now);
            return Err(self.refuse(out, WireError::AuthenticationFailed));
        };
        let seat = match self.pass.claim_slot(now, name) {
            Ok(seat) => seat,
            Err((pass, text)) => {
                out.push(wire::error(text));
                return Err(LoginError { error: text.into(), _permit: pass });
            }
        };
        let (line, ends) = match answer {
            Answer::Open { h_amk } => (wire::confirmation(&h_amk, &self.rng.bytes()), None),
            Answer::Sealed { h_amk, session_key } => {
                let line = wire::sealed_confirmation(h_amk.expose());
                let keys = transcript.keys(&session_key, line.line());
                (line, Some(keys.server()))
            }
        };
        out.push(line);
        let (sealer, opener) = ends.unzip();
        Ok(Admitted { seat, user_id, sealer, opener, kdf: self.credentials.kdf })
    }

    /// The line that this phase waits for, if it is there.
    fn line<'a>(
        &mut self,
        now: Tick,
        decoder: &'a mut LineDecoder,
    ) -> Result<Option<&'a [u8]>, ProtocolError> {
        decoder.set_max_len(wire::MAX_HANDSHAKE_LINE);
        let violation = match decoder.next_line() {
            Ok(Line::Complete(line) | Line::Unterminated(line)) => return Ok(Some(line)),
            Ok(Line::Incomplete) if now < self.deadline => return Ok(None),
            Ok(Line::Incomplete) => {
                self.pass.timed_out(now);
                return Err(ProtocolError::LoginTimeout);
            }
            Ok(Line::Eof) => ProtocolError::Disconnected,
            Err(LineTooLong) => ProtocolError::LineTooLong,
        };
        self.pass.abandoned(now);
        Err(violation)
    }

    fn refuse(self, out: &mut Vec<Frame>, error: impl Into<ProtocolError>) -> LoginError {
        let violation = error.into();
        out.extend(violation.wire_error().map(wire::error));
        LoginError { error: violation, _permit: self.pass }
    }
}

/// What the server answers to a right proof.
enum Answer {
    Open { h_amk: [u8; 32] },
    Sealed { h_amk: Secret<32>, session_key: Secret<32> },
}

impl Answer {
    /// Judges `m` by what the lines before say it has to be; `None` if it is
    /// another.
    fn to(
        version: ProtocolVersion,
        transcript: &Transcript,
        proof: ServerProof,
        m: &[u8],
    ) -> Option<Self> {
        match version {
            ProtocolVersion::V1 => {
                let proven = proof.check(m).ok()?;
                Some(Self::Open { h_amk: proven.h_amk })
            }
            ProtocolVersion::V2 => {
                let session_key = proof.into_session_key();
                let KeyConfirmation { client, server } = transcript.proofs(&session_key);
                client.matches(m).then_some(Self::Sealed { h_amk: server, session_key })
            }
        }
    }
}

impl Job for LoginJob {
    type Next = Login;

    fn run(self) -> Login {
        let Self { case, visitor, job } = self;
        let phase = match job {
            Computation::Challenge { b } => {
                let challenge = ServerChallenge::new(Arc::clone(&case.credentials.verifier), b);
                Phase::Challenge { visitor, challenge, due: None }
            }
            Computation::Proof { challenge, m } => {
                let proof = challenge.answer(&visitor.a);
                Phase::Proof { visitor, proof, m }
            }
        };
        Login { case, phase }
    }
}

impl std::fmt::Display for LoginError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for LoginError {}
