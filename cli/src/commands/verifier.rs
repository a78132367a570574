//! `cmdchat verifier`: generates the verifier for a blind relay.

use crate::safe;
use zeroize::Zeroizing;

use crate::commands::{print, seed, shared::credentials::ServerMode};
use crate::{
    args::{ReexecArgs, VerifierArgs},
    error::{Error, ExitStatus, note},
    invite::word_code::{CLASSIC_WORDS, WordCode},
    secrets,
    text::SafeText,
};

pub(super) fn run(mut command: VerifierArgs, again: &ReexecArgs) -> Result<ExitStatus, Error> {
    let seed = seed()?;
    let password = if command.generate {
        let code = WordCode::generate(CLASSIC_WORDS, &seed);
        note(&safe!["passphrase: ", code.shown()]);
        code.password()
    } else {
        secrets::password(command.take_secret(), again)?
    };
    if !command.allow_weak && secrets::is_weak(&password) {
        return Err(Error::weak_verifier());
    }
    let kind = if command.classic { ServerMode::Classic } else { ServerMode::Strict };
    let credentials = kind.credentials(&password, &seed)?;
    note(&safe!["room: ", SafeText::sanitize(&credentials.fingerprint().to_string())]);
    // Only credentials for protocol 1 alone have no token.
    let token = credentials.token().unwrap_or_default();
    print(&Zeroizing::new([token.as_bytes(), b"\n"].concat()))
}
