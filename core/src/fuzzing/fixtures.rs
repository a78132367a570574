//! One recorded honest login for each protocol version. Both sides have fixed
//! seeds, so that replaying a side with the same seed produces the same lines.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::objects;
use crate::{
    client,
    crypto::fernet::RoomKey,
    crypto::kdf,
    handshake::{Handshake, Job, Step},
    secret::{Password, Secret},
    seed::Seed,
    server::{self, Admission, Credentials, Limits, LoginPermit},
    time::{Epoch, Tick},
    transport::frame::Frame,
    transport::line_decoder::LineDecoder,
    username::Username,
    wire::ProtocolVersion,
};

const PASSWORD: &[u8] = b"correct horse";
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// The lines of both sides, and the values in base64.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) line_1: Vec<u8>,
    pub(super) a: String,
    pub(super) line_2: Vec<u8>,
    pub(super) user_id: String,
    pub(super) b: String,
    pub(super) salt: String,
    pub(super) room_salt: String,
    pub(super) m: String,
    pub(super) line_3: Vec<u8>,
    pub(super) h_amk: String,
    pub(super) line_4: Vec<u8>,
}

pub(super) fn recorded(version: ProtocolVersion) -> &'static Recorded {
    static OPEN: OnceLock<Recorded> = OnceLock::new();
    static SEALED: OnceLock<Recorded> = OnceLock::new();
    match version {
        ProtocolVersion::V1 => OPEN.get_or_init(|| record(version)),
        ProtocolVersion::V2 => SEALED.get_or_init(|| record(version)),
    }
}

fn record(version: ProtocolVersion) -> Recorded {
    let (mut to_server, mut to_client) = (LineDecoder::new(0), LineDecoder::new(0));
    let pass =
        Admission::new(&Limits::default()).try_login(Tick::ZERO, IpAddr::from([127, 0, 0, 1]));
    let mut client = Some(client(version));
    let mut server = pass.map(|pass| server_for(pass, Tick::ZERO));
    let mut said = Vec::new();
    while client.is_some() || server.is_some() {
        client = client.and_then(|login| settle(login, &mut to_client, &mut to_server, &mut said));
        server = server.and_then(|login| settle(login, &mut to_server, &mut to_client, &mut said));
    }
    let objects = objects(&said);
    let value = |line: usize, name: &str| {
        let value = objects.get(line).and_then(|line| line.get(name)?.as_str());
        value.unwrap_or_default().to_owned()
    };
    let line = |line: usize| said.get(line).map(|frame| frame.bytes().to_vec());
    let recorded = Recorded {
        line_1: line(0).unwrap_or_default(),
        a: value(0, "A"),
        line_2: line(1).unwrap_or_default(),
        user_id: value(1, "user_id"),
        b: value(1, "B"),
        salt: value(1, "salt"),
        room_salt: value(1, "room_salt"),
        m: value(2, "M"),
        line_3: line(2).unwrap_or_default(),
        h_amk: value(3, "H_AMK"),
        line_4: line(3).unwrap_or_default(),
    };
    assert!(!recorded.h_amk.is_empty(), "an honest login succeeds");
    recorded
}

/// Advances a login until it needs more input. `None` if it is over.
fn settle<H: Handshake>(
    mut login: H,
    decoder: &mut LineDecoder,
    peer: &mut LineDecoder,
    said: &mut Vec<Frame>,
) -> Option<H> {
    loop {
        let before = said.len();
        let step = login.advance(Tick::ZERO, decoder, said);
        for frame in said.get(before..).unwrap_or_default() {
            peer.feed(frame.bytes());
        }
        match step.ok()? {
            Step::NeedsInput(login) => return Some(login),
            Step::Compute(work) => login = work.run(),
            Step::WaitUntil(_, next) => login = next,
            Step::Done(_) => return None,
        }
    }
}

/// Returns the client of the record, at its start. In protocol 2 it offers both
/// versions.
#[expect(clippy::expect_used, reason = "should it ever be refused, this is the place to say so")]
pub(super) fn client(version: ProtocolVersion) -> client::Login {
    let password = Password::new(Zeroizing::new(PASSWORD.to_vec()));
    let name = Username::new("eve").expect("an ordinary name");
    let epoch = Epoch::new(Timestamp::UNIX_EPOCH);
    let config = client::ClientConfig::new(name, password, epoch);
    let config = match version {
        ProtocolVersion::V1 => config.v1_only(),
        ProtocolVersion::V2 => config,
    };
    client::Login::new(Arc::new(config), Tick::ZERO, TIMEOUT, &seed(1))
}

/// Returns the server of the record, for a connection accepted at `now`.
pub(super) fn server_for(pass: LoginPermit, now: Tick) -> server::Login {
    static CREDENTIALS: OnceLock<Arc<Credentials>> = OnceLock::new();
    let credentials = CREDENTIALS.get_or_init(|| {
        let password = Password::new(Zeroizing::new(PASSWORD.to_vec()));
        Arc::new(Credentials::classic(&password, &seed(2)))
    });
    server::Login::new(Arc::clone(credentials), pass, now, TIMEOUT, &seed(3))
}

/// Returns the key of the recorded room.
pub(super) fn room_key() -> RoomKey {
    kdf::room_key(&Password::new(Zeroizing::new(PASSWORD.to_vec())), &[0; 16])
}

pub(super) fn seed(number: u8) -> Seed {
    Seed::new(Secret::fill_with(|bytes| bytes.fill(number)))
}
