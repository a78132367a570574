//! The client's side of a login (PROTOCOL 1.2, 1.3, 2.3).
//!
//! | phase | waits for | leaves with |
//! |---|---|---|
//! | start | nothing | work: `A` |
//! | begun | nothing | line 1 |
//! | reply | line 2 | work: the proof |
//! | proved | nothing | line 3 |
//! | confirm | line 4 | a session |
//!
//! Both protocols are one login: what line 2 says decides (PROTOCOL 2.3).
//!
//! Promises: every value of the server is checked before it is used, and
//! nothing that depends on the room key is sent before the server has proved
//! that it knows the password.

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

/// A client that wants to come in.
pub struct Login {
    case: Context,
    phase: Phase,
}

/// What all phases need.
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

/// What a session gets to know of its room.
struct RoomParams {
    key: RoomKey,
    kdf: RoomKind,
    fingerprint: Fingerprint,
}

/// A login whose arithmetic is due.
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
    /// Why.
    pub reason: LoginFailure,
    /// The proof had gone out and was not answered by the right one: whoever
    /// answered may have had a guess at the password. Only a person may try
    /// again (PROTOCOL 2.3).
    pub proof_exposed: bool,
    /// What an earlier session said and did not hear back.
    pub unconfirmed: Vec<PendingMessage>,
}

/// Why a login failed.
#[derive(Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// The server said so. On the wire anybody could have.
    Rejected {
        /// The error of PROTOCOL 1.7 that it is, if it is one.
        known: Option<WireError>,
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
    WrongRoom,
    /// The server could speak protocol 2, and somebody on the way had it fall
    /// back to protocol 1: "downgrade detected".
    Downgrade,
    /// The server speaks a version of the protocol that was not offered.
    UnsupportedVersion,
    /// The server does not know the password, or sends values that only one
    /// who does not know it would send.
    ServerNotAuthenticated,
    /// The server did not answer in time.
    TimedOut,
    /// The server closed the connection without a word.
    Closed,
}

impl Login {
    /// Begins at `now`; to be done after `timeout`. `seed` is this connection's own.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>, now: Tick, timeout: Duration, seed: &Seed) -> Self {
        let deadline = now.saturating_add(timeout);
        let case = Context { config, unconfirmed: Vec::new(), rng: seed.rng(), deadline };
        Self { case, phase: Phase::Start }
    }

    /// After an earlier session that left these texts unconfirmed: those that
    /// are not in the history are said again, in their order.
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
            // Whatever stands in place of the proof, it is none.
            Err(LoginFailure::NotAServer { .. }) => {
                return Err(self.refused(LoginFailure::ServerNotAuthenticated, true));
            }
            Err(why) => return Err(self.refused(why, true)),
        };
        match proof.check(&line) {
            Ok(link) => {
                let Self { config, unconfirmed, rng, .. } = self;
                let RoomParams { key, kdf, fingerprint } = terms;
                let established = Established { config, fingerprint, key, kdf, link, now };
                Ok(Step::Done(Session::new(established, unconfirmed, rng)))
            }
            Err(why) => Err(self.refused(why, true)),
        }
    }

    /// Line 2, if this client may go on with it. In the order of PROTOCOL 2.3.
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

    /// The answer of the server, if it is complete.
    fn answer(
        &self,
        now: Tick,
        decoder: &mut LineDecoder,
    ) -> Result<Option<ServerLine>, LoginFailure> {
        decoder.set_max_len(wire::MAX_LINE);
        match decoder.next_line() {
            Ok(Line::Complete(line)) => ServerLine::read(line).map(Some),
            // Python would end a line; what cannot be read was cut off.
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
                let terms = RoomParams { key: room_secrets.room_key(&room_salt), kdf, fingerprint };
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
