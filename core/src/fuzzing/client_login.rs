use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Op, Plan, Script,
    fixtures::{Recorded, TIMEOUT, client, recorded},
    lines, objects,
};
use crate::{
    client::{LoginFailure, Session},
    crypto::srp::{PublicValue, Salt},
    handshake::{Handshake, Job, Step},
    time::Tick,
    transport::frame::Frame,
    transport::line_decoder::LineDecoder,
    wire::ProtocolVersion,
    wire::json::lenient::{self, Value},
};

/// Checks client logins. Whatever a server sends, the login ends, and it succeeds
/// only if the server proved that it knows the passphrase. The client writes
/// nothing but lines 1 and 3, and line 3 only after a valid line 2.
pub fn client_login(data: &[u8]) {
    let _ = run(data);
}

// The first byte of the plan selects the setup.
/// At the end of the script, the server sends nothing more and does not close.
const HANGS: u8 = 8;
/// The client offers protocol 2, and signs stand for values of protocol 2.
const SEALED: u8 = 128;

fn run(data: &[u8]) -> Result<Session, LoginFailure> {
    let (mut plan, rest) = Plan::split(data);
    let flags = plan.next();
    let hangs = flags & HANGS != 0;
    let version = if flags & SEALED == 0 { ProtocolVersion::V1 } else { ProtocolVersion::V2 };
    let mut server = Server {
        script: Script::new(plan, rest),
        version,
        record: recorded(version),
        sent: Vec::new(),
        proved: false,
    };
    let (mut now, mut decoder, mut out) = (Tick::ZERO, LineDecoder::new(0), Vec::new());
    let mut login = client(version);
    // More than any script needs, even if it is sent byte by byte.
    let mut steps = 0..1000 * (data.len() + 1);
    let end = loop {
        assert!(steps.next().is_some(), "a login ends");
        login = match login.advance(now, &mut decoder, &mut out) {
            Ok(Step::NeedsInput(login)) => {
                match server.next(&mut decoder) {
                    Some(()) => {}
                    None if hangs => now = now.saturating_add(TIMEOUT),
                    None => decoder.feed_eof(),
                }
                login
            }
            Ok(Step::WaitUntil(_, login)) => login,
            Ok(Step::Compute(work)) => work.run(),
            Ok(Step::Done(session)) => break Ok(session),
            Err(refused) => break Err(refused.reason),
        };
    };
    server.judge(end.is_ok(), &out);
    end
}

struct Server<'a> {
    script: Script<'a>,
    version: ProtocolVersion,
    record: &'static Recorded,
    sent: Vec<u8>,
    /// The server has sent a proof that requires the passphrase.
    proved: bool,
}

impl Server<'_> {
    fn next(&mut self, decoder: &mut LineDecoder) -> Option<()> {
        let record = self.record;
        let insider = |sign| match sign {
            1 => Some(record.b.clone().into_bytes()),
            2 => Some(record.salt.clone().into_bytes()),
            3 => Some(record.h_amk.clone().into_bytes()),
            4 => Some(record.room_salt.clone().into_bytes()),
            6 => Some(record.line_2.clone()),
            7 => Some(record.line_4.clone()),
            _ => None,
        };
        if let Op::Send(piece) = self.script.next(insider)? {
            decoder.feed(&piece);
            let proof = record.h_amk.as_bytes();
            // Search the new data only: searching all of it every time would take
            // seconds.
            let new = self.sent.len().saturating_sub(proof.len());
            self.sent.extend(piece);
            let end = self.sent.get(new..).unwrap_or_default();
            self.proved |= end.windows(proof.len()).any(|window| window == proof);
        }
        Some(())
    }

    fn judge(&self, done: bool, out: &[Frame]) {
        let received = lines(&self.sent);
        let challenge = received.first().copied().and_then(challenge);
        let written = objects(out);
        assert_eq!(out.first().map(Frame::bytes), Some(self.record.line_1.as_slice()));
        assert!(written.len() <= 2);
        if let Some(line_3) = written.get(1) {
            let member = |name: &str| line_3.get(name).and_then(|value| value.as_str());
            assert_eq!(member("cmd"), Some("srp_verify"));
            assert!(member("M").is_some_and(|m| m.len() == 44));
            assert_eq!(line_3.as_object().map(serde_json::Map::len), Some(3));
            assert_eq!(member("user_id"), challenge.as_deref(), "line 2 was valid");
        }
        if done {
            assert_eq!(written.len(), 2);
            assert!(self.proved, "a session requires the passphrase");
            if self.version == ProtocolVersion::V2 {
                // Not a single byte may have been changed in transit, not even a
                // space.
                assert!(self.sent.starts_with(&self.record.line_2));
            }
        }
    }
}

/// Returns the `user_id` of a line 2 that is valid by PROTOCOL 1.3.
fn challenge(line: &[u8]) -> Option<String> {
    let line = lenient::read(line)?;
    let text = |name: &str| line.get(name).and_then(Value::as_text);
    let bytes = |name: &str| text(name).and_then(|text| STANDARD.decode(text).ok());
    let sound = line.get("error").is_none()
        && PublicValue::from_wire(&bytes("B")?).is_ok()
        && Salt::from_wire(&bytes("salt")?).is_ok()
        && bytes("room_salt")?.len() == 16;
    text("user_id").filter(|id| sound && !id.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HONEST: &str = "{\"user_id\":\"u\",\"B\":\"\u{1}\",\"salt\":\"\u{2}\",\"room_salt\":\"\u{4}\"}\n\
        {\"H_AMK\":\"\u{3}\",\"session_key\":\"\"}\n";

    fn outcome(plan: &str, script: &str) -> Result<(), LoginFailure> {
        run(format!("{plan}\n{script}").as_bytes()).map(drop)
    }

    #[test]
    fn client_login_script_reaches_each_outcome() {
        assert_eq!(outcome("@", HONEST), Ok(()));
        assert_eq!(outcome("@\u{1}\u{7f}", HONEST), Ok(()));
        assert_eq!(outcome("@", HONEST.trim_end()), Ok(()));
        let wrong = |from: &str, to: &str| outcome("@", &HONEST.replace(from, to));
        assert_eq!(wrong("\u{3}", "AAAA"), Err(LoginFailure::ServerNotAuthenticated));
        assert_eq!(wrong("\u{1}", "AQ=="), Err(LoginFailure::ServerNotAuthenticated));
        assert_eq!(wrong("\"u\"", "\"\""), Err(LoginFailure::NotAServer { http: false }));
        assert_eq!(outcome("@", "HTTP/1.1 400\n"), Err(LoginFailure::NotAServer { http: true }));
        let sealed = |script: &str| run(&[b"\x80\n", script.as_bytes()].concat()).map(drop);
        assert_eq!(sealed("\u{6}\u{7}"), Ok(()));
        let line_2 = String::from_utf8(recorded(ProtocolVersion::V2).line_2.clone()).unwrap();
        let other = line_2.replacen('{', "{ ", 1) + "\u{7}";
        assert_eq!(sealed(&other), Err(LoginFailure::ServerNotAuthenticated));
        assert_eq!(sealed(HONEST), Err(LoginFailure::Downgrade));
        let of_protocol_2 = HONEST.replace("{\"user_id\"", "{\"version\":2,\"user_id\"");
        assert_eq!(sealed(&of_protocol_2), Err(LoginFailure::UnsupportedVersion), "no kdf");
        assert_eq!(outcome("H", "{"), Err(LoginFailure::TimedOut));
        assert_eq!(outcome("@", "{"), Err(LoginFailure::Closed));
    }
}
