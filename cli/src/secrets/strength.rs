//! How hard a password is to guess.

use crate::safe;
use cmdchat_core::secret::Password;
use zxcvbn::zxcvbn;

use crate::text::SafeText;

/// Guesses, in bits, that keep somebody busy who can make them as fast as
/// hashes are made.
const ENOUGH: f64 = 60.0;

/// Something of everything that is looked for in a password.
const NO_PASSWORD: &str = "qwerty-p4ssword-drowssap-abcabc-2011-11-11-abcdef";

/// Whether somebody who recorded the traffic of a classic room, or holds a
/// verifier, could guess it. Takes some hundredths of a second.
#[must_use]
pub fn is_weak(password: &Password) -> bool {
    // What the estimator keeps for good is made while no password is near: its
    // unused bytes would hold what lay on the stack.
    zxcvbn(NO_PASSWORD, &[]);
    let text = String::from_utf8_lossy(password.expose());
    zxcvbn(&text, &[]).guesses_log10() * std::f64::consts::LOG2_10 < ENOUGH
}

/// What is said of such a password in a classic room.
#[must_use]
pub fn weak_warning() -> SafeText {
    safe![
        "this passphrase could be guessed by someone who records the traffic; \
          use 7 random words (cmdchat passphrase)"
    ]
}

#[cfg(test)]
mod tests {
    use cmdchat_core::{secret::Secret, seed::Seed};
    use zeroize::Zeroizing;

    use super::*;
    use crate::invite::word_code::{CLASSIC_WORDS, STRICT_WORDS, WordCode};

    #[test]
    fn weak_check_passes_only_seven_random_words() {
        for text in ["", "P", "password", "Tr0ub4dour&3", "correct horse battery", "2011-11-11"] {
            let password = Password::new(Zeroizing::new(text.into()));
            assert!(is_weak(&password), "{text}");
        }
        for number in 0..20 {
            let seed = Seed::new(Secret::take(&mut [number; 32]));
            assert!(!is_weak(&WordCode::generate(CLASSIC_WORDS, &seed).password()));
            assert!(is_weak(&WordCode::generate(STRICT_WORDS, &seed).password()));
        }
    }
}
