//! Passphrase strength estimation.

use crate::safe;
use cmdchat_core::secret::Password;
use zxcvbn::zxcvbn;

use crate::text::SafeText;

/// Minimum number of guesses, in bits, against an offline attacker that is limited
/// only by the speed of the hash.
const ENOUGH: f64 = 60.0;

/// A text that contains every pattern that the estimator looks for.
const NO_PASSWORD: &str = "qwerty-p4ssword-drowssap-abcabc-2011-11-11-abcdef";

/// Returns whether an attacker that recorded the traffic of a classic room, or holds
/// a verifier, could guess the passphrase. Takes some hundredths of a second.
#[must_use]
pub fn is_weak(password: &Password) -> bool {
    // Initializes the static tables of the estimator while no passphrase is on the
    // stack, because their unused bytes keep the contents of the stack.
    zxcvbn(NO_PASSWORD, &[]);
    let text = String::from_utf8_lossy(password.expose());
    zxcvbn(&text, &[]).guesses_log10() * std::f64::consts::LOG2_10 < ENOUGH
}

/// Returns the warning about a weak passphrase in a classic room.
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
