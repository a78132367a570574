use std::sync::Arc;

use super::fixtures::seed;
use crate::{
    client::{ClientConfig, Established, Session, SessionOutput},
    crypto::fernet::RoomKey,
    crypto::key_schedule::{HybridSecret, TrafficKeys, Transcript},
    crypto::srp::Salt,
    fingerprint::RoomHash,
    room_kind::RoomKind,
    seed::Seed,
    time::Tick,
    transport::record::{RecordOpener, RecordSealer},
    wire,
};

/// Returns a sealed link to a strict room as after a login, without the login's
/// computations: the client's session, the token of its hello, and the relay's ends of the
/// link. Each
/// `number` gives different keys.
#[must_use]
pub fn established(
    config: &Arc<ClientConfig>,
    key: RoomKey,
    number: u64,
    now: Tick,
) -> (Session, String, (RecordSealer, RecordOpener)) {
    let kdf = RoomKind::Strict;
    let keys = traffic_keys(&seed(6).fork("link", number));
    let (sealer, mut opener) = keys.server();
    let established = Established {
        config: Arc::clone(config),
        room: RoomHash::new(kdf, &[0; 16], &Salt::from([1; 16])),
        key,
        kdf,
        says_bye: true,
        keys: Some(keys),
        now,
    };
    let rng = seed(6).fork("session", number).rng();
    let mut session = Session::new(established, Vec::new(), rng);
    let mut hello = None;
    while let Some(output) = session.poll_output() {
        let SessionOutput::Send(frame) = output else { continue };
        if opener.open(frame.line()).is_ok() {
            hello = opener.next_object().and_then(wire::read_member_hello);
        }
    }
    let hello = hello.map_or_else(String::new, |hello| hello.as_str().to_owned());
    (session, hello, (sealer, opener))
}

/// Returns the keys of a sealed link.
pub(super) fn traffic_keys(seed: &Seed) -> TrafficKeys {
    let mut rng = seed.rng();
    let secret = HybridSecret::new(&rng.secret(), &rng.secret());
    Transcript::default().keys(&secret, b"")
}
