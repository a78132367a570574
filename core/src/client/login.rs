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
//! Both protocols are one login: what line 2 says decides (PROTOCOL 2.3).
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
        session::{Entrance, Session},
    },
    fernet::RoomKey,
    fingerprint::Fingerprint,
    frame::Frame,
    handshake::{Handshake, Step, Work},
    inbox::{Inbox, Line, TooLong},
    keys::Kdf,
    schedule::{Proofs, Transcript},
    seal::{Opener, Sealer},
    secret::Secret,
    seed::{Rng, Seed},
    srp::{ClientProof, ClientStart, PublicValue, Salt},
    strict,
    time::Tick,
    tolerant::{self, Value},
    untrusted::Untrusted,
    violation::ErrorText,
    wire::{self, Version},
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
    Reply { start: ClientStart, line_1: Vec<u8> },
    Proved { user_id: String, proof: Proof, terms: Terms },
    Confirm { proof: Proof, terms: Terms },
}

/// What a session gets to know of its room.
struct Terms {
    key: RoomKey,
    kdf: Kdf,
    fingerprint: Fingerprint,
}

/// The proof of this side, and what the other's has to be.
enum Proof {
    Open(ClientProof),
    Sealed { session_key: Secret<32>, transcript: Transcript, proofs: Proofs },
}

/// A login whose arithmetic is due.
pub struct LoginWork {
    case: Case,
    job: Job,
}

enum Job {
    Begin { a: Secret<32> },
    Prove { start: ClientStart, challenge: Challenge, transcript: Transcript },
}

/// Line 2, checked.
struct Challenge {
    version: Version,
    user_id: String,
    b: PublicValue,
    salt: Salt,
    room_salt: [u8; 16],
    kdf: Kdf,
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
                let line = wire::srp_init(&case.guest.name, start.public(), case.guest.versions());
                let line_1 = line.line().to_vec();
                out.push(line);
                case.reply(now, inbox, start, line_1)
            }
            Phase::Reply { start, line_1 } => case.reply(now, inbox, start, line_1),
            Phase::Proved { user_id, mut proof, terms } => {
                let line = wire::srp_verify(&user_id, proof.own());
                proof.sent(line.line());
                out.push(line);
                case.confirm(now, inbox, proof, terms)
            }
            Phase::Confirm { proof, terms } => case.confirm(now, inbox, proof, terms),
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
        line_1: Vec<u8>,
    ) -> Result<Step<Login>, Refused> {
        let line = match self.answer(now, inbox) {
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
                let job = Job::Prove { start, challenge, transcript };
                Ok(Step::NeedsWork(LoginWork { case: self, job }))
            }
            Err(why) => Err(self.refused(why, false)),
        }
    }

    fn confirm(
        self,
        now: Tick,
        inbox: &mut Inbox,
        proof: Proof,
        terms: Terms,
    ) -> Result<Step<Login>, Refused> {
        let line = match self.answer(now, inbox) {
            Ok(Some(line)) => line,
            Ok(None) => {
                let phase = Phase::Confirm { proof, terms };
                return Ok(Step::NeedsInput(Login { case: self, phase }));
            }
            Err(why) => return Err(self.refused(why, true)),
        };
        match proof.check(&line) {
            Ok(link) => {
                let Self { guest, unconfirmed, rng, .. } = self;
                let Terms { key, kdf, fingerprint } = terms;
                let entrance = Entrance { guest, fingerprint, key, kdf, link, now };
                Ok(Step::Done(Session::new(entrance, unconfirmed, rng)))
            }
            Err(why) => Err(self.refused(why, true)),
        }
    }

    /// Line 2, if this client may go on with it. In the order of PROTOCOL 2.3.
    fn challenge(&self, line: &Answer) -> Result<Challenge, LoginFailed> {
        let Guest { require, room, .. } = *self.guest;
        let challenge = match line.object.get("version").map(Value::as_u64) {
            None if require > Mode::Open => return Err(LoginFailed::TooWeak(Mode::Open)),
            None => Challenge::open(&line.object)?,
            Some(Some(2)) if !self.guest.versions().is_empty() => Challenge::sealed(&line.bytes)?,
            Some(_) => return Err(LoginFailed::UnknownVersion),
        };
        if challenge.version == Version::One
            && !self.guest.versions().is_empty()
            && challenge.salt.has_sentinel()
        {
            return Err(LoginFailed::Downgrade);
        }
        if challenge.kdf == Kdf::None && require == Mode::Strict {
            return Err(LoginFailed::TooWeak(Mode::Sealed));
        }
        if room.is_some_and(|room| room != challenge.fingerprint()) {
            return Err(LoginFailed::OtherRoom);
        }
        Ok(challenge)
    }

    fn refused(self, why: LoginFailed, guess_given: bool) -> Refused {
        Refused { why, guess_given, unconfirmed: self.unconfirmed }
    }

    /// The answer of the server, if it is complete.
    fn answer(&self, now: Tick, inbox: &mut Inbox) -> Result<Option<Answer>, LoginFailed> {
        inbox.set_bound(wire::MAX_LINE);
        match inbox.take() {
            Ok(Line::Whole(line)) => Answer::read(line).map(Some),
            // Python would end a line; what cannot be read was cut off.
            Ok(Line::Last(line)) => match Answer::read(line) {
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

/// A line of the server, as it came and as it reads.
struct Answer {
    bytes: Vec<u8>,
    object: Value,
}

impl Answer {
    /// Unless it is an error or nothing that a server says.
    fn read(line: &[u8]) -> Result<Self, LoginFailed> {
        let http = line.starts_with(b"HTTP/");
        let object = tolerant::read(line).ok_or(LoginFailed::NotAServer { http })?;
        match object.get("error") {
            None => Ok(Self { bytes: line.to_vec(), object }),
            Some(error) => {
                let text = error.as_text().map_or_else(|| error.to_text(), str::to_owned);
                Err(LoginFailed::Refused {
                    known: ErrorText::from_wire(&text),
                    text: Untrusted::new(text),
                })
            }
        }
    }
}

fn bytes(answer: &Value, key: &str) -> Result<Vec<u8>, LoginFailed> {
    let text = answer.get(key).and_then(Value::as_text);
    text.and_then(|text| STANDARD.decode(text).ok()).ok_or(LoginFailed::NotAServer { http: false })
}

impl Challenge {
    /// Of protocol 1.
    fn open(line: &Value) -> Result<Self, LoginFailed> {
        let user_id = line.get("user_id").and_then(Value::as_text).filter(|id| !id.is_empty());
        Ok(Self {
            version: Version::One,
            user_id: user_id.ok_or(LoginFailed::NotAServer { http: false })?.to_owned(),
            b: PublicValue::from_wire(&bytes(line, "B")?).map_err(|_| LoginFailed::Unproven)?,
            salt: Salt::from_wire(&bytes(line, "salt")?).map_err(|_| LoginFailed::Unproven)?,
            room_salt: bytes(line, "room_salt")?.try_into().map_err(|_| LoginFailed::Unproven)?,
            kdf: Kdf::None,
        })
    }

    /// Of protocol 2, read strictly: a known kdf, all 16 bytes of both salts,
    /// the sentinel, and B as it enters the hashes.
    fn sealed(line: &[u8]) -> Result<Self, LoginFailed> {
        let line = strict::object(line).ok_or(LoginFailed::NotAServer { http: false })?;
        let kdf = line.get("kdf").and_then(Value::as_text).and_then(Kdf::from_name);
        let kdf = kdf.ok_or(LoginFailed::UnknownVersion)?;
        let challenge = Self { version: Version::Two, kdf, ..Self::open(&line)? };
        let is_canonical = |key: &str, hashed: &[u8]| bytes(&line, key).is_ok_and(|b| b == hashed);
        let salt = challenge.salt.as_bytes();
        if salt.len() == 16
            && challenge.salt.has_sentinel()
            && is_canonical("salt", salt)
            && is_canonical("B", challenge.b.as_bytes())
        {
            Ok(challenge)
        } else {
            Err(LoginFailed::Unproven)
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.kdf, &self.room_salt, &self.salt)
    }
}

impl Proof {
    /// M.
    fn own(&self) -> &[u8; 32] {
        match self {
            Self::Open(proof) => proof.proof(),
            Self::Sealed { proofs, .. } => proofs.client.expose(),
        }
    }

    /// This was line 3.
    fn sent(&mut self, line: &[u8]) {
        if let Self::Sealed { transcript, .. } = self {
            transcript.line_3 = line.to_vec();
        }
    }

    /// Judges line 4, and gives the ends of the link if it is sealed from here on.
    fn check(self, line: &Answer) -> Result<Option<(Sealer, Opener)>, LoginFailed> {
        let h_amk = bytes(&line.object, "H_AMK").map_err(|_| LoginFailed::Unproven)?;
        match self {
            // K itself is not needed: protocol 1 seals nothing with it.
            Self::Open(proof) => proof.check(&h_amk).map(|_| None).ok(),
            Self::Sealed { session_key, transcript, proofs } => {
                let right = proofs.server.matches(&h_amk) && strict::object(&line.bytes).is_some();
                right.then(|| Some(transcript.keys(&session_key, &line.bytes).client()))
            }
        }
        .ok_or(LoginFailed::Unproven)
    }
}

impl Work for LoginWork {
    type Next = Login;

    fn run(self) -> Login {
        let Self { case, job } = self;
        let phase = match job {
            Job::Begin { a } => Phase::Begun { start: ClientStart::new(a) },
            Job::Prove { start, challenge, transcript } => {
                let fingerprint = challenge.fingerprint();
                let Challenge { version, user_id, b, salt, room_salt, kdf } = challenge;
                let knowledge = case.guest.knowledge(kdf, &room_salt);
                let proof = start.answer(knowledge.srp_password(), &salt, &b);
                let proof = match version {
                    Version::One => Proof::Open(proof),
                    Version::Two => {
                        let session_key = proof.into_session_key();
                        let proofs = transcript.proofs(&session_key);
                        Proof::Sealed { session_key, transcript, proofs }
                    }
                };
                let terms = Terms { key: knowledge.room_key(&room_salt), kdf, fingerprint };
                Phase::Proved { user_id, proof, terms }
            }
        };
        Login { case, phase }
    }
}
