//! The server side of a login (PROTOCOL 1.2, 1.3, 1.7).
//!
//! | phase | waits for | leaves with |
//! |---|---|---|
//! | hello | line 1 | job: `B` |
//! | challenge | its turn, during a brute-force attack | line 2 |
//! | verify | line 3 | job: the expected proof |
//! | proof | nothing | line 4 and a member slot, or an error line |
//! | introduction | the member's `hello`, in a strict room | the admitted client |
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
    crypto::kem::EncapsulationKey,
    crypto::key_schedule::{HybridSecret, KeyConfirmation, Transcript},
    crypto::srp::{PublicValue, ServerChallenge, ServerProof},
    error::{ProtocolError, WireError},
    handshake::{Handshake, Job, Step},
    room_kind::RoomKind,
    secret::Secret,
    seed::{Rng, Seed},
    server::{
        admission::{LoginPermit, MemberSlot, ResumeClaim, Turn},
        credentials::Credentials,
    },
    time::Tick,
    transport::frame::Frame,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    transport::record::{MAX_RECORD, RecordOpener, RecordSealer},
    username::Username,
    wire::{self, ClientHello, ClientProofLine, FernetToken, ProtocolVersion, RequestedLink},
};

/// The login of one connection.
pub struct Login {
    context: Context,
    phase: Phase,
}

/// The state shared by all phases.
struct Context {
    credentials: Arc<Credentials>,
    permit: LoginPermit,
    rng: Rng,
    /// Deadline of line 1.
    hello_deadline: Tick,
    deadline: Tick,
}

/// Time from accepting a connection to line 1 (PROTOCOL 3.1).
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

enum Phase {
    Hello,
    Challenge { client: ClaimedIdentity, challenge: ServerChallenge, kem: Vec<u8> },
    Verify { client: ClaimedIdentity, challenge: ServerChallenge },
    Proof { client: ClaimedIdentity, proof: ServerProof, line: ClientProofLine },
    Introduction { admitted: Admitted },
}

/// The identity that the peer claims and has not yet proved.
struct ClaimedIdentity {
    name: Username,
    user_id: String,
    a: PublicValue,
    /// Present in protocol 2.
    sealed: Option<SealedLogin>,
}

/// The state of a login over protocol 2.
struct SealedLogin {
    kem: EncapsulationKey,
    history: Option<u64>,
    /// The lines exchanged so far.
    transcript: Transcript,
    /// The shared secret of ML-KEM, once line 2 is ready.
    z: Option<Secret<32>>,
}

impl ClaimedIdentity {
    const fn version(&self) -> ProtocolVersion {
        match self.sealed {
            None => ProtocolVersion::V1,
            Some(_) => ProtocolVersion::V2,
        }
    }

    /// Returns the transcript; `None` in protocol 1, which proves none.
    fn transcript(&mut self) -> Option<&mut Transcript> {
        self.sealed.as_mut().map(|sealed| &mut sealed.transcript)
    }
}

/// A login during its SRP computation.
pub struct LoginJob {
    context: Context,
    client: ClaimedIdentity,
    job: Computation,
}

enum Computation {
    Challenge { b: Secret<32>, kem: Option<Secret<32>> },
    Proof { challenge: ServerChallenge, line: ClientProofLine },
}

/// An authenticated client, ready to join the room.
#[derive(Debug)]
pub struct Admitted {
    /// The member slot. Dropping it releases the slot and the name.
    pub slot: MemberSlot,
    /// The `user_id` of line 2, a UUID.
    pub user_id: String,
    /// Seals frames for the member, in protocol 2.
    pub(crate) sealer: Option<RecordSealer>,
    /// Opens records from the member, in protocol 2, until the member's
    /// [`super::RequestReader`] takes it.
    pub(crate) opener: Option<RecordOpener>,
    /// Kind of the room.
    pub(crate) kdf: RoomKind,
    /// The number of messages of the history that the client wants at most.
    pub(crate) history: Option<u64>,
    /// The token with which the client introduced itself, in a strict room.
    pub(crate) hello: Option<FernetToken>,
}

impl Admitted {
    /// Returns an admitted client of protocol 1 in a classic room.
    #[must_use]
    pub const fn open(slot: MemberSlot, user_id: String) -> Self {
        Self {
            slot,
            user_id,
            sealer: None,
            opener: None,
            kdf: RoomKind::Classic,
            history: None,
            hello: None,
        }
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
        permit: LoginPermit,
        now: Tick,
        timeout: Duration,
        seed: &Seed,
    ) -> Self {
        let deadline = now.saturating_add(timeout);
        let hello_deadline = deadline.min(now.saturating_add(HELLO_TIMEOUT));
        let context = Context { credentials, permit, rng: seed.rng(), hello_deadline, deadline };
        Self { context, phase: Phase::Hello }
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
        let Self { context, phase } = self;
        match phase {
            Phase::Hello => context.hello(now, decoder, out),
            Phase::Challenge { client, challenge, kem } => {
                context.challenge(now, decoder, out, client, challenge, kem)
            }
            Phase::Verify { client, challenge } => {
                context.verify(now, decoder, out, client, challenge)
            }
            Phase::Proof { client, proof, line } => {
                context.finish(now, decoder, out, client, proof, line)
            }
            Phase::Introduction { admitted } => context.introduce(now, decoder, out, admitted),
        }
    }

    fn deadline(&self) -> Tick {
        match self.phase {
            Phase::Hello => self.context.hello_deadline,
            Phase::Challenge { .. }
            | Phase::Verify { .. }
            | Phase::Proof { .. }
            | Phase::Introduction { .. } => self.context.deadline,
        }
    }

    fn reject_overloaded(mut work: LoginJob, out: &mut Vec<Frame>) -> LoginError {
        work.context.permit.overloaded();
        work.context.refuse(out, WireError::TryAgainLater)
    }
}

impl Context {
    fn hello(
        mut self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Login>, LoginError> {
        let line = match self.line(now, self.hello_deadline, decoder) {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Step::NeedsInput(Login { context: self, phase: Phase::Hello })),
            Err(violation) => return Err(self.refuse(out, violation)),
        };
        match self.read_hello(now, line) {
            Ok(client) => {
                let b = self.rng.secret();
                let kem = client.sealed.is_some().then(|| self.rng.secret());
                let job = Computation::Challenge { b, kem };
                Ok(Step::Compute(LoginJob { context: self, client, job }))
            }
            Err(text) => Err(self.refuse(out, text)),
        }
    }

    fn read_hello(&mut self, now: Tick, line: &[u8]) -> Result<ClaimedIdentity, WireError> {
        let ClientHello { link, name, a } = wire::read_hello(line, self.credentials.spoken)?;
        if matches!(link, RequestedLink::Plaintext) && !self.permit.name_is_free(now, &name) {
            return Err(WireError::UsernameTaken);
        }
        let a = a.and_then(|a| PublicValue::from_wire(&a).ok()).ok_or(WireError::SrpInitFailed)?;
        let sealed = match link {
            RequestedLink::Plaintext => None,
            RequestedLink::Sealed { kem, history } => {
                let transcript = Transcript { line_1: line.to_vec(), ..Transcript::default() };
                let kem = kem.ok_or(WireError::SrpInitFailed)?;
                Some(SealedLogin { kem, history, transcript, z: None })
            }
        };
        Ok(ClaimedIdentity { name, user_id: self.rng.uuid(), a, sealed })
    }

    fn challenge(
        mut self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
        mut client: ClaimedIdentity,
        challenge: ServerChallenge,
        kem: Vec<u8>,
    ) -> Result<Step<Login>, LoginError> {
        match self.permit.challenge_turn(now, self.deadline) {
            Turn::Now => {}
            Turn::Wait(_) if decoder.is_eof() => {
                return Err(self.refuse(out, ProtocolError::Disconnected));
            }
            Turn::Wait(until) => {
                let phase = Phase::Challenge { client, challenge, kem };
                return Ok(Step::WaitUntil(until, Login { context: self, phase }));
            }
            Turn::TooLate => {
                self.permit.overloaded();
                return Err(self.refuse(out, WireError::TryAgainLater));
            }
        }
        let Credentials { verifier, room_salt, kdf, .. } = &*self.credentials;
        let (user_id, b, salt) = (&client.user_id, challenge.public(), verifier.salt().as_bytes());
        let line = match client.version() {
            ProtocolVersion::V1 => wire::challenge(user_id, b, salt, room_salt),
            ProtocolVersion::V2 => wire::sealed_challenge(user_id, b, salt, room_salt, *kdf, &kem),
        };
        if let Some(transcript) = client.transcript() {
            transcript.line_2 = line.line().to_vec();
        }
        out.push(line);
        // A client that does not wait for line 2 may have sent line 3 already.
        self.verify(now, decoder, out, client, challenge)
    }

    fn verify(
        mut self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
        mut client: ClaimedIdentity,
        challenge: ServerChallenge,
    ) -> Result<Step<Login>, LoginError> {
        let line = match self.line(now, self.deadline, decoder) {
            Ok(Some(line)) => line,
            Ok(None) => {
                let phase = Phase::Verify { client, challenge };
                return Ok(Step::NeedsInput(Login { context: self, phase }));
            }
            Err(violation) => return Err(self.refuse(out, violation)),
        };
        match wire::read_proof(line, client.version(), &client.user_id) {
            Ok(proof) => {
                if let Some(transcript) = client.transcript() {
                    transcript.line_3 = line.to_vec();
                }
                let job = Computation::Proof { challenge, line: proof };
                Ok(Step::Compute(LoginJob { context: self, client, job }))
            }
            Err(text) => Err(self.refuse(out, text)),
        }
    }

    fn finish(
        mut self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
        client: ClaimedIdentity,
        proof: ServerProof,
        line: ClientProofLine,
    ) -> Result<Step<Login>, LoginError> {
        let ClaimedIdentity { name, user_id, sealed, .. } = client;
        let Some(answer) = Answer::to(sealed, proof, &line.m) else {
            self.permit.proof_failed(now);
            return Err(self.refuse(out, WireError::AuthenticationFailed));
        };
        let kdf = self.credentials.kdf;
        match answer {
            Answer::Plaintext { h_amk } => {
                let line = wire::confirmation(&h_amk, &self.rng.bytes());
                match self.permit.claim_slot(now, name) {
                    Ok(slot) => {
                        out.push(line);
                        Ok(Step::Done(Admitted::open(slot, user_id)))
                    }
                    Err(text) => Err(self.refuse(out, text)),
                }
            }
            Answer::Sealed { secret, proofs, login } => {
                let claim = line
                    .resume
                    .map(|proof| ResumeClaim { login_hash: login.transcript.login_hash(), proof });
                let line = wire::sealed_confirmation(proofs.server.expose());
                let keys = login.transcript.keys(&secret, line.line());
                let (sealer, opener) = keys.server();
                let resume = Some(keys.resume);
                match self.permit.claim_resumable_slot(now, name, resume, claim.as_ref()) {
                    Ok(slot) => {
                        out.push(line);
                        let (sealer, opener) = (Some(sealer), Some(opener));
                        let history = login.history;
                        let admitted =
                            Admitted { slot, user_id, sealer, opener, kdf, history, hello: None };
                        match kdf {
                            RoomKind::Classic => Ok(Step::Done(admitted)),
                            RoomKind::Strict => self.introduce(now, decoder, out, admitted),
                        }
                    }
                    Err(text) => {
                        out.push(wire::refusal(text, proofs.refusal(text.as_str()).expose()));
                        Err(self.refuse(&mut Vec::new(), text))
                    }
                }
            }
        }
    }

    /// Waits for the first object of a member of a strict room: its hello.
    fn introduce(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
        mut admitted: Admitted,
    ) -> Result<Step<Login>, LoginError> {
        let Some(opener) = &mut admitted.opener else { return Ok(Step::Done(admitted)) };
        decoder.set_max_len(MAX_RECORD);
        let opened = match decoder.next_line() {
            Ok(Line::Complete(line)) => opener.open(line).map_err(|_| ProtocolError::Tampered),
            Ok(Line::Incomplete) if now < self.deadline => {
                let phase = Phase::Introduction { admitted };
                return Ok(Step::NeedsInput(Login { context: self, phase }));
            }
            Ok(Line::Incomplete) => Err(ProtocolError::LoginTimeout),
            Ok(Line::Unterminated(_) | Line::Eof) => {
                admitted.slot.mark_lost();
                return Err(self.refuse(&mut Vec::new(), ProtocolError::Disconnected));
            }
            Err(LineTooLong) => Err(ProtocolError::Tampered),
        };
        let hello = opened.and_then(|()| {
            let hello = opener.next_object().and_then(wire::read_member_hello);
            hello.ok_or(ProtocolError::InvalidRequest)
        });
        match hello {
            Ok(hello) => {
                admitted.hello = Some(hello);
                Ok(Step::Done(admitted))
            }
            Err(error) => {
                if let Some((text, sealer)) = error.close_notice().zip(admitted.sealer.as_mut()) {
                    let objects = [wire::notice(text).bytes(), wire::bye().line()].concat();
                    let mut record = Vec::new();
                    if sealer.seal(&objects, &mut record).is_ok() {
                        out.push(Frame::from_record(record));
                    }
                }
                Err(self.refuse(&mut Vec::new(), error))
            }
        }
    }

    /// Returns the line that this phase waits for, if it is complete.
    fn line<'a>(
        &mut self,
        now: Tick,
        deadline: Tick,
        decoder: &'a mut LineDecoder,
    ) -> Result<Option<&'a [u8]>, ProtocolError> {
        decoder.set_max_len(wire::MAX_HANDSHAKE_LINE);
        let line = match decoder.next_line() {
            Ok(Line::Complete(line) | Line::Unterminated(line)) => Ok(Some(line)),
            Ok(Line::Incomplete) if now < deadline => Ok(None),
            Ok(Line::Incomplete) => {
                self.permit.timed_out(now);
                Err(ProtocolError::LoginTimeout)
            }
            Ok(Line::Eof) => Err(ProtocolError::Disconnected),
            Err(LineTooLong) => Err(ProtocolError::LineTooLong),
        };
        self.permit.set_waiting(now, matches!(line, Ok(None)));
        line
    }

    fn refuse(self, out: &mut Vec<Frame>, error: impl Into<ProtocolError>) -> LoginError {
        let violation = error.into();
        out.extend(violation.wire_error().map(wire::error));
        LoginError { error: violation, _permit: self.permit }
    }
}

/// The server's answer to a correct proof.
enum Answer {
    Plaintext { h_amk: [u8; 32] },
    Sealed { secret: HybridSecret, proofs: KeyConfirmation, login: SealedLogin },
}

impl Answer {
    /// Checks the client's proof `m`. Returns `None` if it is wrong.
    fn to(sealed: Option<SealedLogin>, proof: ServerProof, m: &[u8]) -> Option<Self> {
        let Some(login) = sealed else {
            let proven = proof.check(m).ok()?;
            return Some(Self::Plaintext { h_amk: proven.h_amk });
        };
        let secret = HybridSecret::new(&proof.into_session_key(), login.z.as_ref()?);
        let proofs = login.transcript.proofs(&secret);
        proofs.client.matches(m).then_some(Self::Sealed { secret, proofs, login })
    }
}

impl Job for LoginJob {
    type Next = Login;

    fn run(self) -> Login {
        let Self { context, mut client, job } = self;
        let phase = match job {
            Computation::Challenge { b, kem: m } => {
                let challenge = ServerChallenge::new(Arc::clone(&context.credentials.verifier), b);
                let kem = client.sealed.as_mut().zip(m).map_or_else(Vec::new, |(sealed, m)| {
                    let (ciphertext, z) = sealed.kem.encapsulate(&m);
                    sealed.z = Some(z);
                    ciphertext
                });
                Phase::Challenge { client, challenge, kem }
            }
            Computation::Proof { challenge, line } => {
                let proof = challenge.answer(&client.a);
                Phase::Proof { client, proof, line }
            }
        };
        Login { context, phase }
    }
}

impl std::fmt::Display for LoginError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for LoginError {}
