//! The client side of a login (PROTOCOL 1.2, 1.3, 2.3).
//!
//! | phase | waits for | produces |
//! |---|---|---|
//! | start | nothing | a job: `A` |
//! | begun | nothing | line 1 |
//! | reply | line 2 | a job: the proof |
//! | proved | nothing | line 3 |
//! | confirm | line 4 | a session |
//!
//! Both protocol versions share this login: line 2 selects the version (PROTOCOL 2.3).
//!
//! Guarantees: every value from the server is checked before it is used. The client sends
//! nothing that depends on the room key until the server has proved that it knows the
//! passphrase.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::{
    client::{
        config::ClientConfig,
        event::{Mode, PendingMessage},
        session::{Established, Session},
    },
    crypto::fernet::RoomKey,
    crypto::key_schedule::Transcript,
    crypto::srp::ClientStart,
    error::WireError,
    fingerprint::Fingerprint,
    handshake::{Handshake, Job, Step},
    room_kind::RoomKind,
    secret::Secret,
    seed::{Rng, Seed},
    time::Tick,
    transport::frame::Frame,
    transport::line_decoder::{Line, LineDecoder, LineTooLong},
    untrusted::Untrusted,
    wire::json::lenient::Value,
    wire::{
        self, ProtocolVersion,
        handshake::{Challenge, PendingProof, ServerLine},
    },
};

/// State machine of a client login.
pub struct Login {
    case: Context,
    phase: Phase,
}

/// State that all phases need.
struct Context {
    config: Arc<ClientConfig>,
    unconfirmed: Vec<PendingMessage>,
    rng: Rng,
    deadline: Tick,
}

enum Phase {
    Start,
    Begun { start: ClientStart },
    Reply { start: ClientStart, line_1: Vec<u8> },
    Proved { user_id: String, proof: PendingProof, terms: RoomParams },
    Confirm { proof: PendingProof, terms: RoomParams },
}

/// Properties of the room that the session receives.
struct RoomParams {
    key: RoomKey,
    kdf: RoomKind,
    fingerprint: Fingerprint,
    says_bye: bool,
}

/// A login's pending computation.
pub struct LoginJob {
    case: Context,
    job: Computation,
}

enum Computation {
    Begin { a: Secret<32> },
    Prove { start: ClientStart, challenge: Challenge, transcript: Transcript },
}

/// A login that failed.
#[derive(Debug)]
pub struct LoginError {
    /// The cause.
    pub reason: LoginFailure,
    /// Set if the client sent its proof and did not receive the right one in return. The peer may
    /// have tested a passphrase guess, so only the user may retry (PROTOCOL 2.3).
    pub proof_exposed: bool,
    /// Messages that an earlier session sent and the server did not echo.
    pub unconfirmed: Vec<PendingMessage>,
}

/// The cause of a failed login.
#[derive(Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// The server sent an error. It is not authenticated: an attacker on the path can send one.
    Rejected {
        /// The matching error of PROTOCOL 1.7, if there is one.
        known: Option<WireError>,
        /// The error text as received.
        text: Untrusted,
    },
    /// The peer does not speak this protocol.
    NotAServer {
        /// Set if the reply looks like HTTP.
        http: bool,
    },
    /// The server offers only this mode, and the client requires a stronger one.
    TooWeak(Mode),
    /// The room's fingerprint differs from the pinned one.
    WrongRoom,
    /// The server supports protocol 2, but an attacker on the path forced a fallback to
    /// protocol 1: "downgrade detected".
    Downgrade,
    /// The server selected a protocol version that the client did not offer.
    UnsupportedVersion,
    /// The server does not know the passphrase, or sent a value that a server which knows it
    /// never sends.
    ServerNotAuthenticated,
    /// The server did not answer in time.
    TimedOut,
    /// The server closed the connection without an answer.
    Closed,
}

impl Login {
    /// Starts a login at `now` that fails after `timeout`. `seed` must be unique to this
    /// connection.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>, now: Tick, timeout: Duration, seed: &Seed) -> Self {
        let deadline = now.saturating_add(timeout);
        let case = Context { config, unconfirmed: Vec::new(), rng: seed.rng(), deadline };
        Self { case, phase: Phase::Start }
    }

    /// Resumes after an earlier session that left these messages unconfirmed. The session
    /// resends those that are not in the history, in their order.
    #[must_use]
    pub fn resume(mut self, unconfirmed: Vec<PendingMessage>) -> Self {
        self.case.unconfirmed = unconfirmed;
        self
    }
}

impl Handshake for Login {
    type Job = LoginJob;
    type Output = Session;
    type LoginError = LoginError;

    fn advance(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        out: &mut Vec<Frame>,
    ) -> Result<Step<Self>, LoginError> {
        let Self { mut case, phase } = self;
        match phase {
            Phase::Start => {
                let job = Computation::Begin { a: case.rng.secret() };
                Ok(Step::Compute(LoginJob { case, job }))
            }
            Phase::Begun { start } => {
                let line =
                    wire::srp_init(&case.config.name, start.public(), case.config.versions());
                let line_1 = line.line().to_vec();
                out.push(line);
                case.reply(now, decoder, start, line_1)
            }
            Phase::Reply { start, line_1 } => case.reply(now, decoder, start, line_1),
            Phase::Proved { user_id, mut proof, terms } => {
                let line = wire::srp_verify(&user_id, proof.own());
                proof.sent(line.line());
                out.push(line);
                case.confirm(now, decoder, proof, terms)
            }
            Phase::Confirm { proof, terms } => case.confirm(now, decoder, proof, terms),
        }
    }

    fn deadline(&self) -> Tick {
        self.case.deadline
    }

    fn reject_overloaded(work: LoginJob, _: &mut Vec<Frame>) -> LoginError {
        work.case.refused(LoginFailure::TimedOut, false)
    }
}

impl Context {
    fn reply(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        start: ClientStart,
        line_1: Vec<u8>,
    ) -> Result<Step<Login>, LoginError> {
        let line = match self.answer(now, decoder) {
            Ok(Some(line)) => line,
            Ok(None) => {
                let phase = Phase::Reply { start, line_1 };
                return Ok(Step::NeedsInput(Login { case: self, phase }));
            }
            Err(why) => return Err(self.refused(why, false)),
        };
        match self.challenge(&line) {
            Ok(challenge) => {
                let transcript = Transcript { line_1, line_2: line.bytes, ..Transcript::default() };
                let job = Computation::Prove { start, challenge, transcript };
                Ok(Step::Compute(LoginJob { case: self, job }))
            }
            Err(why) => Err(self.refused(why, false)),
        }
    }

    fn confirm(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        proof: PendingProof,
        terms: RoomParams,
    ) -> Result<Step<Login>, LoginError> {
        let line = match self.answer(now, decoder) {
            Ok(Some(line)) => line,
            Ok(None) => {
                let phase = Phase::Confirm { proof, terms };
                return Ok(Step::NeedsInput(Login { case: self, phase }));
            }
            // Any line other than a valid proof means that the server is not authenticated.
            Err(LoginFailure::NotAServer { .. }) => {
                return Err(self.refused(LoginFailure::ServerNotAuthenticated, true));
            }
            Err(why) => return Err(self.refused(why, true)),
        };
        match proof.check(&line) {
            Ok(link) => {
                let Self { config, unconfirmed, rng, .. } = self;
                let RoomParams { key, kdf, fingerprint, says_bye } = terms;
                let established =
                    Established { config, fingerprint, key, kdf, says_bye, link, now };
                Ok(Step::Done(Session::new(established, unconfirmed, rng)))
            }
            Err(why) => Err(self.refused(why, true)),
        }
    }

    /// Decodes line 2 and checks it against the configuration, in the order of PROTOCOL 2.3.
    fn challenge(&self, line: &ServerLine) -> Result<Challenge, LoginFailure> {
        let ClientConfig { require, room, .. } = *self.config;
        let challenge = match line.object.get("version").map(Value::as_u64) {
            None if require > Mode::Plaintext => {
                return Err(LoginFailure::TooWeak(Mode::Plaintext));
            }
            None => Challenge::open(&line.object)?,
            Some(Some(2)) if !self.config.versions().is_empty() => Challenge::sealed(&line.bytes)?,
            Some(_) => return Err(LoginFailure::UnsupportedVersion),
        };
        if challenge.version == ProtocolVersion::V1
            && !self.config.versions().is_empty()
            && challenge.salt.has_sentinel()
        {
            return Err(LoginFailure::Downgrade);
        }
        if challenge.kdf == RoomKind::Classic && require == Mode::Strict {
            return Err(LoginFailure::TooWeak(Mode::Sealed));
        }
        if room.is_some_and(|room| room != challenge.fingerprint()) {
            return Err(LoginFailure::WrongRoom);
        }
        Ok(challenge)
    }

    fn refused(self, reason: LoginFailure, proof_exposed: bool) -> LoginError {
        LoginError { reason, proof_exposed, unconfirmed: self.unconfirmed }
    }

    /// Returns the server's next line, or `None` if it is still incomplete.
    fn answer(
        &self,
        now: Tick,
        decoder: &mut LineDecoder,
    ) -> Result<Option<ServerLine>, LoginFailure> {
        decoder.set_max_len(wire::MAX_LINE);
        match decoder.next_line() {
            Ok(Line::Complete(line)) => ServerLine::read(line).map(Some),
            // A Python server terminates its lines, so an unreadable rest was truncated.
            Ok(Line::Unterminated(line)) => match ServerLine::read(line) {
                Err(LoginFailure::NotAServer { http: false }) => Err(LoginFailure::Closed),
                answer => answer.map(Some),
            },
            Ok(Line::Incomplete) if now < self.deadline => Ok(None),
            Ok(Line::Incomplete) => Err(LoginFailure::TimedOut),
            Ok(Line::Eof) => Err(LoginFailure::Closed),
            Err(LineTooLong) => Err(LoginFailure::NotAServer { http: false }),
        }
    }
}

impl Job for LoginJob {
    type Next = Login;

    fn run(self) -> Login {
        let Self { case, job } = self;
        let phase = match job {
            Computation::Begin { a } => Phase::Begun { start: ClientStart::new(a) },
            Computation::Prove { start, challenge, transcript } => {
                let fingerprint = challenge.fingerprint();
                let says_bye = challenge.salt.is_ours();
                let Challenge { version, user_id, b, salt, room_salt, kdf } = challenge;
                let room_secrets = case.config.room_secrets(kdf, &room_salt);
                let proof = start.answer(room_secrets.srp_password(), &salt, &b);
                let proof = match version {
                    ProtocolVersion::V1 => PendingProof::V1(proof),
                    ProtocolVersion::V2 => {
                        let session_key = proof.into_session_key();
                        let proofs = transcript.proofs(&session_key);
                        PendingProof::V2 { session_key, transcript, proofs }
                    }
                };
                let key = room_secrets.room_key(&room_salt);
                let terms = RoomParams { key, kdf, fingerprint, says_bye };
                Phase::Proved { user_id, proof, terms }
            }
        };
        Login { case, phase }
    }
}

impl fmt::Display for LoginFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected { known: Some(error), .. } => error.as_str(),
            Self::Rejected { known: None, .. } => "the server rejected the login",
            Self::NotAServer { .. } => "the peer does not speak this protocol",
            Self::TooWeak(_) => "the server offers less security than required",
            Self::WrongRoom => "this is a different room",
            Self::Downgrade => "downgrade to protocol 1 detected",
            Self::UnsupportedVersion => "unsupported protocol version",
            Self::ServerNotAuthenticated => "the server did not prove that it knows the passphrase",
            Self::TimedOut => "the login timed out",
            Self::Closed => "the server closed the connection during the login",
        })
    }
}

impl Error for LoginFailure {}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl Error for LoginError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.reason)
    }
}
