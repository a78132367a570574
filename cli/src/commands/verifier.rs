//! `cmdchat verifier`: what a blind relay is started with.

use zeroize::Zeroizing;

use crate::commands::{print, seed, shared::room_kind::Kind};
use crate::{
    args::{Again, Verifier},
    error::{Exit, Failure, note},
    invite::word_code::{CLASSIC, Code},
    secrets,
    text::Shown,
};

pub(super) fn run(mut command: Verifier, again: &Again) -> Result<Exit, Failure> {
    let seed = seed()?;
    let password = if command.generate {
        let code = Code::draw(CLASSIC, &seed);
        note(&Shown::line(&[&"passphrase: ", &code.shown()]));
        code.password()
    } else {
        secrets::password(command.take_secret(), again)?
    };
    if !command.allow_weak && secrets::is_guessable(&password) {
        return Err(Failure::weak_verifier());
    }
    let kind = if command.classic { Kind::Classic } else { Kind::Strict };
    let credentials = kind.credentials(&password, &seed)?;
    note(&Shown::line(&[&"room: ", &Shown::one_line(&credentials.fingerprint().to_string())]));
    // Only a server that speaks protocol 1 alone has none.
    let token = credentials.token().unwrap_or_default();
    print(&Zeroizing::new([token.as_bytes(), b"\n"].concat()))
}
