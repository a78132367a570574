//! The server side of a login (PROTOCOL 1.2, 1.3, 1.7).
//!
//! | phase | waits for | leaves with |
//! |---|---|---|
//! | hello | line 1 | job: `B` |
//! | challenge | its time slot, during a brute-force attack | line 2 |
//! | verify | line 3 | job: the expected proof |
//! | proof | nothing | line 4 and a member slot, or an error line |
//!
//! Protocol 2 uses the same four lines. Its proofs are different and bound to the
//! lines themselves. The link is sealed after line 4 (PROTOCOL 2.3).
//!
//! Guarantees:
//!
//! * Only a correct proof obtains a member slot.
//! * The name is checked in line 1 in protocol 1 only, so that in protocol 2
//!   unauthenticated clients cannot find out who is present. It is checked again,
//!   atomically, when the member slot is claimed.
//! * Each modular exponentiation is computed once.
//! * Whatever the peer sends, it receives an answer of PROTOCOL 1.7 or none.
//! * Dropping the value releases its login permit.

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

/// The login of one connection.
pub struct Login {
    case: Context,
    phase: Phase,
}

/// The state shared by all phases.
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

/// The identity that the peer claims and has not yet proved.
struct ClaimedIdentity {
    version: ProtocolVersion,
    name: Username,
    user_id: String,
    a: PublicValue,
    /// The lines exchanged so far, for the proofs of protocol 2.
    transcript: Transcript,
}

/// A login during its SRP computation.
pub struct LoginJob {
    case: Context,
    visitor: ClaimedIdentity,
    job: Computation,
}

enum Computation {
    Challenge { b: Secret<32> },
    Proof { challenge: ServerChallenge, m: Vec<u8> },
}

/// An authenticated client, ready to join the room.
#[derive(Debug)]
pub struct Admitted {
    /// The member slot. Dropping it releases the slot and the name.
    pub seat: MemberSlot,
    /// The `user_id` of line 2, a UUID.
    pub user_id: String,
    /// Seals frames for the member, in protocol 2.
    pub(crate) sealer: Option<RecordSealer>,
    /// Opens records from the member, in protocol 2, until the member's
    /// [`super::RequestReader`] takes it.
    pub(crate) opener: Option<RecordOpener>,
    /// Kind of the room.
    pub(crate) kdf: RoomKind,
}

impl Admitted {
    /// Returns an admitted client of protocol 1 in a classic room.
    #[must_use]
    pub const fn open(seat: MemberSlot, user_id: String) -> Self {
        Self { seat, user_id, sealer: None, opener: None, kdf: RoomKind::Classic }
    }
}

/// A failed login. It holds its login permit until it is dropped, so that
/// connections that are still being closed count towards the limits.
#[derive(Debug)]
pub struct LoginError {
    /// Reason of the failure.
    pub error: ProtocolError,
    _permit: LoginPermit,
}

impl Login {
    /// Creates the login of a connection accepted at `now`. Each login requires
    /// its own fork of the seed.
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
        // A client that does not wait for line 2 may have sent line 3 already.
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

    /// Returns the line that this phase waits for, if it is complete.
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

/// The server's answer to a correct proof.
enum Answer {
    Open { h_amk: [u8; 32] },
    Sealed { h_amk: Secret<32>, session_key: Secret<32> },
}

impl Answer {
    /// Checks the client's proof `m` against the transcript. `None` if it is
    /// wrong.
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
