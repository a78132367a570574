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
    crypto::kem::KemKeyPair,
    crypto::key_schedule::{HybridSecret, Transcript},
    crypto::srp::ClientStart,
    error::WireError,
    fingerprint::RoomHash,
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
        handshake::{Challenge, Line4Error, PendingProof, ServerLine},
    },
};

/// State machine of a client login.
pub struct Login {
    context: Context,
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
    Begun {
        start: ClientStart,
        kem: Option<KemKeyPair>,
    },
    Reply {
        start: ClientStart,
        kem: Option<KemKeyPair>,
        line_1: Vec<u8>,
    },
    Proved {
        user_id: String,
        proof: PendingProof,
        params: RoomParams,
    },
    Confirm {
        proof: PendingProof,
        params: RoomParams,
    },
    /// Line 2 is unacceptable in a way that only the computation shows.
    Failed(LoginFailure),
}

/// Properties of the room that the session receives.
struct RoomParams {
    key: RoomKey,
    kdf: RoomKind,
    room: RoomHash,
    says_bye: bool,
}

/// A login's pending computation.
pub struct LoginJob {
    context: Context,
    job: Computation,
}

enum Computation {
    Begin {
        a: Secret<32>,
        kem: Option<Secret<64>>,
    },
    Prove {
        start: ClientStart,
        kem: Option<KemKeyPair>,
        challenge: Challenge,
        transcript: Transcript,
    },
}

/// A login that failed.
#[derive(Debug)]
pub struct LoginError {
    /// The cause.
    pub reason: LoginFailure,
    /// Set if the client sent its proof and received neither the server's nor a proven refusal in
    /// return. The peer may have tested a passphrase guess, so only the user may retry
    /// (PROTOCOL 2.3).
    pub proof_exposed: bool,
    /// Messages that an earlier session sent and the server did not echo.
    pub unconfirmed: Vec<PendingMessage>,
}

/// The cause of a failed login.
#[derive(Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// The server sent an error. Unless it is a proven refusal of protocol 2, an attacker on the
    /// path may have sent it.
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
        let context = Context { config, unconfirmed: Vec::new(), rng: seed.rng(), deadline };
        Self { context, phase: Phase::Start }
    }

    /// Resumes after an earlier session that left these messages unconfirmed, or after a failed
    /// attempt to do so. The session resends those that are not in the history, in their order.
    #[must_use]
    pub fn resume(mut self, unconfirmed: Vec<PendingMessage>) -> Self {
        self.context.unconfirmed = unconfirmed;
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
        let Self { mut context, phase } = self;
        match phase {
            Phase::Start => {
                let a = context.rng.secret();
                let kem = context.config.offers_v2().then(|| context.rng.secret());
                let job = Computation::Begin { a, kem };
                Ok(Step::Compute(LoginJob { context, job }))
            }
            Phase::Begun { start, kem } => {
                let line = context.config.line_1(start.public(), kem.as_ref());
                let line_1 = line.line().to_vec();
                out.push(line);
                context.reply(now, decoder, start, kem, line_1)
            }
            Phase::Reply { start, kem, line_1 } => context.reply(now, decoder, start, kem, line_1),
            Phase::Proved { user_id, mut proof, params } => {
                let resume =
                    context.config.carried().resume.as_ref().and_then(|key| proof.resume(key));
                let line = wire::srp_verify(&user_id, proof.own(), resume.as_ref());
                proof.sent(line.line());
                out.push(line);
                context.confirm(now, decoder, proof, params)
            }
            Phase::Confirm { proof, params } => context.confirm(now, decoder, proof, params),
            Phase::Failed(reason) => Err(context.refused(reason, false)),
        }
    }

    fn deadline(&self) -> Tick {
        self.context.deadline
    }

    fn reject_overloaded(work: LoginJob, _: &mut Vec<Frame>) -> LoginError {
        work.context.refused(LoginFailure::TimedOut, false)
    }
}

impl Context {
    fn reply(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        start: ClientStart,
        kem: Option<KemKeyPair>,
        line_1: Vec<u8>,
    ) -> Result<Step<Login>, LoginError> {
        let challenge = match self.line(now, decoder) {
            Ok(Some(line)) => {
                ServerLine::read(line).and_then(|line| Ok((self.challenge(&line)?, line.bytes)))
            }
            Ok(None) => {
                let phase = Phase::Reply { start, kem, line_1 };
                return Ok(Step::NeedsInput(Login { context: self, phase }));
            }
            Err(why) => Err(why),
        };
        match challenge {
            Ok((challenge, line_2)) => {
                let transcript = Transcript { line_1, line_2, ..Transcript::default() };
                let job = Computation::Prove { start, kem, challenge, transcript };
                Ok(Step::Compute(LoginJob { context: self, job }))
            }
            Err(why) => Err(self.refused(why, false)),
        }
    }

    fn confirm(
        self,
        now: Tick,
        decoder: &mut LineDecoder,
        proof: PendingProof,
        params: RoomParams,
    ) -> Result<Step<Login>, LoginError> {
        let checked = match self.line(now, decoder) {
            Ok(Some(line)) => proof.check(line),
            Ok(None) => {
                let phase = Phase::Confirm { proof, params };
                return Ok(Step::NeedsInput(Login { context: self, phase }));
            }
            Err(why) => Err(why.into()),
        };
        match checked {
            Ok(keys) => {
                let Self { config, unconfirmed, rng, .. } = self;
                let RoomParams { key, kdf, room, says_bye } = params;
                let established = Established { config, room, key, kdf, says_bye, keys, now };
                Ok(Step::Done(Session::new(established, unconfirmed, rng)))
            }
            Err(Line4Error { reason, proven }) => Err(self.refused(reason, !proven)),
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
            Some(Some(2)) if self.config.offers_v2() => Challenge::sealed(&line.bytes)?,
            Some(_) => return Err(LoginFailure::UnsupportedVersion),
        };
        if challenge.version == ProtocolVersion::V1
            && self.config.offers_v2()
            && challenge.salt.has_sentinel()
        {
            return Err(LoginFailure::Downgrade);
        }
        if challenge.kdf == RoomKind::Classic && require == Mode::Strict {
            return Err(LoginFailure::TooWeak(Mode::Sealed));
        }
        if room.is_some_and(|room| room != challenge.room().fingerprint()) {
            return Err(LoginFailure::WrongRoom);
        }
        Ok(challenge)
    }

    fn refused(self, reason: LoginFailure, proof_exposed: bool) -> LoginError {
        LoginError { reason, proof_exposed, unconfirmed: self.unconfirmed }
    }

    /// Returns the server's next line, or `None` if it is still incomplete.
    fn line<'a>(
        &self,
        now: Tick,
        decoder: &'a mut LineDecoder,
    ) -> Result<Option<&'a [u8]>, LoginFailure> {
        decoder.set_max_len(wire::MAX_LINE);
        match decoder.next_line() {
            Ok(Line::Complete(line)) => Ok(Some(line)),
            // A Python server terminates its lines, so an unreadable rest was truncated.
            Ok(Line::Unterminated(line)) => match ServerLine::read(line) {
                Err(LoginFailure::NotAServer { http: false }) => Err(LoginFailure::Closed),
                _ => Ok(Some(line)),
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
        let Self { context, job } = self;
        let phase = match job {
            Computation::Begin { a, kem } => Phase::Begun {
                start: ClientStart::new(a),
                kem: kem.map(|seed| KemKeyPair::new(&seed)),
            },
            Computation::Prove { start, kem, challenge, transcript } => {
                let room = challenge.room();
                let says_bye = challenge.salt.is_ours();
                let Challenge { version, user_id, b, salt, room_salt, kdf, kem: ciphertext } =
                    challenge;
                let room_secrets = context.config.room_secrets(kdf, &room_salt);
                let proof = start.answer(room_secrets.srp_password(), &salt, &b);
                let key = room_secrets.room_key(&room_salt);
                let params = RoomParams { key, kdf, room, says_bye };
                match (version, kem.and_then(|kem| kem.decapsulate(&ciphertext))) {
                    (ProtocolVersion::V1, _) => {
                        Phase::Proved { user_id, proof: PendingProof::V1(proof), params }
                    }
                    (ProtocolVersion::V2, Some(z)) => {
                        let secret = HybridSecret::new(&proof.into_session_key(), &z);
                        let proofs = transcript.proofs(&secret);
                        let proof = PendingProof::V2 { secret, transcript, proofs };
                        Phase::Proved { user_id, proof, params }
                    }
                    (ProtocolVersion::V2, None) => {
                        Phase::Failed(LoginFailure::ServerNotAuthenticated)
                    }
                }
            }
        };
        Login { context, phase }
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
