//! Detection of `/me` actions and mentions in message texts.

/// Returns whether `text` is an action such as `/me waves`, and the text without
/// the `/me` prefix.
pub(crate) fn action(text: &str) -> (bool, &str) {
    match text.strip_prefix("/me ") {
        Some(action) => (true, action),
        None => (false, text),
    }
}

/// Returns whether `text` contains `name` as a whole word, ignoring case.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&name).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mention_requires_a_whole_word() {
        for text in ["alice", "hi Alice!", "@alice: yes", "is it (ALICE)?"] {
            assert!(mentions(text, "alice"), "{text}");
        }
        for text in ["malice", "alices", "alice_2", "", "bob"] {
            assert!(!mentions(text, "alice"), "{text}");
        }
    }
}
