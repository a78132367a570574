//! Tests of reading passphrases.

use super::*;

fn line(text: &str) -> Option<String> {
    read::first_line(text.as_bytes()).unwrap().map(text_of)
}

fn whole(text: &str) -> Option<String> {
    read::whole(text.as_bytes()).unwrap().map(text_of)
}

#[expect(clippy::needless_pass_by_value, reason = "for map")]
fn text_of(bytes: Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn one_trailing_newline_is_removed() {
    for (file, password) in [
        ("a", "a"),
        ("a\n", "a"),
        ("a\r\n", "a"),
        ("a\n\n", "a\n"),
        ("a\nb\n", "a\nb"),
        ("\n", ""),
        (" a ", " a "),
    ] {
        assert_eq!(whole(file).as_deref(), Some(password));
    }
    for (input, password) in [("a", "a"), ("a\nb", "a"), ("a\r\nb", "a"), ("\nb", "")] {
        assert_eq!(line(input).as_deref(), Some(password));
    }
}

#[test]
fn empty_input_is_not_an_empty_passphrase() {
    assert_eq!(whole(""), None);
    assert_eq!(line(""), None);
    let error = require(Ok(None), &SafeText::sanitize("standard input")).unwrap_err();
    assert_eq!(error.to_string(), "error: no passphrase came from standard input");
    assert_eq!(error.exit as u8, 13);
}

#[test]
fn reading_first_line_leaves_the_rest() {
    let mut input = "secret\nhello\n".as_bytes();
    read::first_line(&mut input).unwrap();
    assert_eq!(input, b"hello\n");
}

#[test]
fn invalid_passphrases_are_rejected() {
    assert!(validate(&[b'x'; MAX_LEN]).is_ok());
    let long = read::whole([b'x'; 10_000].as_slice()).unwrap().unwrap();
    assert_eq!(
        validate(&long).unwrap_err().to_string(),
        "error: the passphrase is longer than 4096 bytes"
    );
    let long = read::first_line([b'x'; 10_000].as_slice()).unwrap().unwrap();
    assert!(validate(&long).is_err());
    assert_eq!(validate(b"\xFF").unwrap_err().to_string(), "error: the passphrase is not UTF-8");
    assert!(validate(b"a\0b").is_ok());
}

#[cfg(unix)]
#[test]
fn password_command_yields_its_first_line() {
    let run = |command: &str| from_command(OsStr::new(command)).map(text_of);
    assert_eq!(run("printf 'one\\ntwo\\n'").unwrap(), "one");
    assert_eq!(run("yes pw | head -n 100000").unwrap(), "pw");
    assert_eq!(run("cat; echo behind").unwrap(), "behind");
    assert_eq!(
        run("exit 3").unwrap_err().to_string(),
        "error: the passphrase command failed: exit status: 3"
    );
    assert_eq!(run("echo pw; exit 1").unwrap_err().exit as u8, 13);
    assert_eq!(
        run("true").unwrap_err().to_string(),
        "error: no passphrase came from the passphrase command"
    );
}

#[cfg(unix)]
#[test]
fn passphrase_round_trips_through_a_pipe() {
    use std::os::fd::AsRawFd;

    for password in ["", "secret", "two\nlines\n", &"x".repeat(MAX_LEN - 1)] {
        let pipe = system::pipe_with(password.as_bytes()).unwrap();
        let fd = u32::try_from(pipe.as_raw_fd()).unwrap();
        assert_eq!(text_of(password_from(SecretSource::Fd(fd))), password);
    }
}

#[cfg(unix)]
fn password_from(source: SecretSource) -> Bytes {
    let password = password(source, &ReexecArgs::default()).unwrap();
    Zeroizing::new(password.expose().to_vec())
}

#[test]
fn unreadable_password_file_is_named_in_error() {
    let error =
        password(SecretSource::File("/nonexistent/\u{1B}key".into()), &ReexecArgs::default())
            .unwrap_err();
    assert_eq!(error.exit as u8, 13);
    assert!(
        error
            .to_string()
            .starts_with("error: cannot read the passphrase from \"/nonexistent/^[key\": "),
        "{error}"
    );
}

#[test]
fn passphrase_comparison_normalizes_codes() {
    let password = |text: &str| Password::new(Zeroizing::new(text.into()));
    let code = "acid-acorn-acre";
    for (typed, right) in [
        (code, true),
        ("Acid  ACORN acre", true),
        ("acid acorn", false),
        ("acid-acorn-acts", false),
        ("", false),
    ] {
        assert_eq!(is_password(&password(typed), &password(code)), right, "{typed}");
    }
    assert!(is_password(&password("Tr0ub4dor"), &password("Tr0ub4dor")));
    assert!(!is_password(&password("tr0ub4dor"), &password("Tr0ub4dor")));
}
