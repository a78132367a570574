use std::sync::Arc;

use super::fixtures::seed;
use crate::{
    client::{ClientConfig, Established, Session},
    crypto::fernet::RoomKey,
    crypto::key_schedule::Transcript,
    crypto::srp::Salt,
    fingerprint::Fingerprint,
    room_kind::RoomKind,
    time::Tick,
    transport::record::{RecordOpener, RecordSealer},
};

/// Returns a sealed link to a strict room as after a login, without the login's
/// computations: the client's session and the relay's ends of the link. Each
/// `number` gives different keys.
#[must_use]
pub fn established(
    config: &Arc<ClientConfig>,
    key: RoomKey,
    number: u64,
    now: Tick,
) -> (Session, (RecordSealer, RecordOpener)) {
    let kdf = RoomKind::Strict;
    let session_key = seed(6).fork("link", number).rng().secret();
    let keys = Transcript::default().keys(&session_key, b"");
    let established = Established {
        config: Arc::clone(config),
        fingerprint: Fingerprint::of(kdf, &[0; 16], &Salt::from([1; 16])),
        key,
        kdf,
        says_bye: true,
        link: Some(keys.client()),
        now,
    };
    let rng = seed(6).fork("session", number).rng();
    (Session::new(established, Vec::new(), rng), keys.server())
}
