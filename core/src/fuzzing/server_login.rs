use std::{net::IpAddr, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

use super::{
    Op, Plan, Script,
    fixtures::{Recorded, TIMEOUT, recorded, server_for},
    lines, objects,
};
use crate::{
    handshake::{Handshake, Job, Step},
    server::{
        Admission, AdmissionCounts, Admitted, Limits, Login, LoginError, LoginPermit, MemberSlot,
    },
    time::Tick,
    transport::frame::Frame,
    transport::line_decoder::LineDecoder,
    username::Username,
    wire::ProtocolVersion,
};

/// Checks server logins. Whatever a client sends, in whatever chunks and however
/// slowly, the login ends, and only a correct proof obtains a member slot. All
/// output consists of complete lines, with an error only as the last one. The
/// login permit is released at the end.
pub fn server_login(data: &[u8]) {
    run(data);
}

// The first byte of the plan selects the setup.
/// Another member has taken the name `eve`.
const NAME_TAKEN: u8 = 1;
/// This source has the maximum number of members.
const NO_ROOM: u8 = 2;
/// A brute-force attack delays line 2.
const GUESSING: u8 = 4;
/// At the end of the script, the client sends nothing more and does not close.
const HANGS: u8 = 8;
/// Too many login computations are waiting.
const BUSY: u8 = 16;
/// The client connects from a loopback address.
const LOCAL: u8 = 32;
/// Signs stand for values of protocol 2.
const SEALED: u8 = 128;

/// Returns the name of the admitted client. `None` if the login failed.
fn run(data: &[u8]) -> Option<String> {
    let (mut plan, rest) = Plan::split(data);
    let stand = plan.next();
    let has = |flag: u8| stand & flag != 0;
    let record = recorded(if has(SEALED) { ProtocolVersion::V2 } else { ProtocolVersion::V1 });

    let admission = Admission::new(&Limits::default());
    let source = IpAddr::from(if has(LOCAL) { [127, 0, 0, 1] } else { [192, 0, 2, 1] });
    let mut now = Tick::from_start(Duration::from_secs(1000));
    let others = people(&admission, now, source, stand);
    let pass = admission.try_login(now, source)?;
    let before = admission.counts();

    let mut peer = Peer { script: Script::new(plan, rest), record, sent: Vec::new() };
    let mut decoder = LineDecoder::new(0);
    let mut out = Vec::new();
    let mut login = server_for(pass, now);
    // More than any script needs, even if it is sent byte by byte.
    let mut steps = 0..1000 * (data.len() + 1);
    let end = loop {
        assert!(steps.next().is_some(), "a login ends");
        let deadline = login.deadline();
        login = match login.advance(now, &mut decoder, &mut out) {
            Ok(Step::NeedsInput(login)) => {
                match peer.next(&mut decoder) {
                    Some(wait) => now = now.saturating_add(wait),
                    None if has(HANGS) => now = now.saturating_add(TIMEOUT),
                    None => decoder.feed_eof(),
                }
                login
            }
            Ok(Step::WaitUntil(until, login)) => {
                assert!(until > now, "there is something to wait for");
                now = until;
                login
            }
            Ok(Step::Compute(work)) if has(BUSY) => {
                break Err(Login::reject_overloaded(work, &mut out));
            }
            Ok(Step::Compute(work)) => work.run(),
            Ok(Step::Done(admitted)) => break Ok(admitted),
            Err(refused) => break Err(refused),
        };
        assert!(login.deadline() >= deadline, "the deadline moves on with the phases only");
    };
    assert_eq!(admission.counts().members, before.members + usize::from(end.is_ok()));
    let name = match end {
        Ok(admitted) => Some(peer.admitted(&admitted, &out)),
        Err(refused) => {
            peer.refused(&refused, &out);
            None
        }
    };
    drop(others);
    assert_eq!(admission.counts(), AdmissionCounts::default(), "all state is released");
    name
}

/// Creates the state before the login: the members and the wrong proofs.
fn people(admission: &Admission, now: Tick, source: IpAddr, stand: u8) -> Vec<MemberSlot> {
    let elsewhere = IpAddr::from([198, 51, 100, 1]);
    let sit = |mut pass: LoginPermit, name: &str| {
        Username::new(name).ok().and_then(|name| pass.claim_slot(now, name).ok())
    };
    let mut seats = Vec::new();
    if stand & NAME_TAKEN != 0 {
        seats.extend(admission.try_login(now, elsewhere).and_then(|pass| sit(pass, "Eve")));
    }
    if stand & NO_ROOM != 0 {
        let crowd =
            (0..16).filter_map(|n| sit(admission.try_login(now, source)?, &format!("member {n}")));
        seats.extend(crowd);
    }
    if stand & GUESSING != 0 {
        let mut pass = admission.try_login(now, elsewhere);
        for _ in 0..61 {
            pass.iter_mut().for_each(|pass| pass.proof_failed(now));
        }
    }
    seats
}

struct Peer<'a> {
    script: Script<'a>,
    record: &'static Recorded,
    sent: Vec<u8>,
}

impl Peer<'_> {
    /// Sends the next chunk, or returns how long the peer waits.
    fn next(&mut self, decoder: &mut LineDecoder) -> Option<Duration> {
        let record = self.record;
        let insider = |sign| match sign {
            1 => Some(record.a.clone().into_bytes()),
            2 => Some(record.user_id.clone().into_bytes()),
            3 => Some(record.m.clone().into_bytes()),
            6 => Some(record.line_1.clone()),
            7 => Some(record.line_3.clone()),
            _ => None,
        };
        Some(match self.script.next(insider)? {
            Op::Send(piece) => {
                decoder.feed(&piece);
                self.sent.extend(piece);
                Duration::ZERO
            }
            Op::Sign(4) => Duration::from_millis(500),
            Op::Sign(5) => Duration::from_secs(29),
            Op::Sign(_) => Duration::ZERO,
        })
    }

    /// Checks a successful login: the client sent the three required values, and
    /// received both answers. Returns its name.
    fn admitted(&self, admitted: &Admitted, out: &[Frame]) -> String {
        let sent = lines(&self.sent);
        let field = |line: usize, name: &str| {
            let line = sent.get(line).and_then(|line| serde_json::from_slice::<Json>(line).ok());
            line.and_then(|line| Some(line.get(name)?.as_str()?.to_owned()))
        };
        let name = admitted.slot.name().as_str();
        assert_eq!(field(0, "username").as_deref().unwrap_or("unknown"), name);
        assert!(field(0, "A").is_some_and(|a| number(&a) == number(&self.record.a)));
        assert_eq!(field(1, "user_id"), Some(self.record.user_id.clone()));
        assert_eq!(field(1, "M"), Some(self.record.m.clone()));
        if self.record.line_1 != recorded(ProtocolVersion::V1).line_1 {
            // Not a single byte may have been changed in transit, not even a
            // space.
            assert!(self.sent.starts_with(&self.record.line_1));
        }

        let answers = objects(out);
        assert_eq!(answers.len(), 2);
        assert_eq!(out.first().map(Frame::bytes), Some(self.record.line_2.as_slice()));
        let proof = answers.get(1).and_then(|line| line.get("H_AMK")?.as_str());
        assert_eq!(proof, Some(self.record.h_amk.as_str()));
        assert_eq!(admitted.user_id, self.record.user_id);
        name.to_owned()
    }

    /// Checks a failed login: only the last line may be an error, and it names
    /// the reason.
    fn refused(&self, refused: &LoginError, out: &[Frame]) {
        let answers = objects(out);
        let errors: Vec<_> = answers.iter().map(|line| line.get("error")).collect();
        let error = errors.last().copied().flatten().and_then(Json::as_str);
        let owed = refused.error.wire_error().map(|text| text.as_str());
        assert_eq!(error, owed);
        let others = answers.len() - usize::from(error.is_some());
        assert!(errors.iter().take(others).all(Option::is_none), "one error, as the last line");
        assert!(others <= 1, "line 4 is only sent on success");
        if others == 1 {
            let line_2 = out.first().map(Frame::bytes);
            let answers =
                [ProtocolVersion::V1, ProtocolVersion::V2].map(|version| &recorded(version).line_2);
            assert!(answers.iter().any(|answer| line_2 == Some(answer)));
        }
    }
}

/// Returns the bytes of a base64 number, without leading zeros.
fn number(text: &str) -> Vec<u8> {
    let bytes = STANDARD.decode(text).unwrap_or_default();
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    const HONEST: &str = "{\"cmd\":\"srp_init\",\"username\":\"eve\",\"A\":\"\u{1}\"}\n\
        {\"cmd\":\"srp_verify\",\"user_id\":\"\u{2}\",\"M\":\"\u{3}\"}\n";

    fn outcome(stand: u8, script: &str) -> Option<String> {
        run(&[&[stand, b'\n'], script.as_bytes()].concat())
    }

    #[test]
    fn server_login_script_reaches_each_outcome() {
        let eve = Some("eve".to_owned());
        assert_eq!(outcome(b'@', HONEST), eve);
        assert_eq!(outcome(b'@' | GUESSING, HONEST), eve);
        assert_eq!(
            outcome(b'@', &HONEST.replace("\"username\":\"eve\",", "")),
            Some("unknown".into())
        );
        assert_eq!(outcome(b'@', &HONEST.replace('\n', "\u{5}\n")), None, "too late");
        assert_eq!(outcome(b'@', &HONEST.replace('\u{3}', "AAAA")), None);
        for stand in [NAME_TAKEN, NO_ROOM, BUSY] {
            assert_eq!(outcome(b'@' | stand, HONEST), None);
        }
        assert_eq!(outcome(SEALED, "\u{6}\u{7}"), eve);
        assert_eq!(outcome(b'@', "\u{6}\u{7}"), eve);
        assert_eq!(outcome(SEALED, HONEST), None, "the proof of another protocol");
        let line_1 = String::from_utf8(recorded(ProtocolVersion::V2).line_1.clone()).unwrap();
        let other = line_1.replacen('{', "{ ", 1) + "\u{7}";
        assert_eq!(outcome(SEALED, &other), None, "the proof for another line 1");
        for hanging in ["", "{", HONEST.split_at(60).0] {
            assert_eq!(outcome(b'@' | HANGS, hanging), None);
        }
    }
}
