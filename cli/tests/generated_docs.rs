//! Tests of the generated documentation: shell completions and the manual page.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails that way")]

mod common;

use common::{cmdchat, run};

/// Returns the completions that bash offers for the last word of `line`.
#[cfg(unix)]
fn completed(line: &str) -> Vec<String> {
    let script = r#"
        source <("$0" completions bash)
        read -ra COMP_WORDS <<<"$1"
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _cmdchat cmdchat "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = std::process::Command::new("bash");
    let ended = run(bash.args(["-c", script, env!("CARGO_BIN_EXE_cmdchat"), line]));
    ended.is_success();
    ended.out.lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_and_options() {
    assert_eq!(completed("cmdchat conn"), ["connect"]);
    assert_eq!(completed("cmdchat connect --password-f"), ["--password-fd", "--password-file"]);
    assert_eq!(completed("cmdchat completions fi"), ["fish"]);
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = run(&mut cmdchat(&["completions", shell]));
        ended.is_success();
        assert!(ended.out.contains("password-file"), "{shell}: {}", ended.out);
    }
    assert_eq!(run(&mut cmdchat(&["completions", "tcsh"])).code(), Some(2));
}

#[test]
fn man_page_covers_all_long_help_options() {
    let page = run(&mut cmdchat(&["man"]));
    page.is_success();
    assert!(page.out.contains(".TH cmdchat 1"), "{}", page.out);
    let page = page.out.replace('\\', "");
    for command in [
        "host",
        "serve",
        "connect",
        "join",
        "send",
        "verifier",
        "passphrase",
        "doctor",
        "completions",
        "man",
    ] {
        let section = page.split_once(&format!(".SH \"cmdchat {command}\"\n")).unwrap().1;
        let section = section.split("\n.SH ").next().unwrap();
        let help = run(&mut cmdchat(&[command, "--help"])).out;
        let options = help.split_whitespace().filter(|word| word.starts_with("--"));
        for option in options.map(|word| word.trim_end_matches([':', ',', '.'])) {
            assert!(section.contains(option), "{command} {option}: {section}");
        }
    }
}

/// A closed pipe is not an error: a pager closes it when the user quits.
#[test]
fn man_fails_on_full_disk_but_not_closed_pipe() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(cmdchat(&["man"]).stdout(writer).status().unwrap().code(), Some(0));

    #[cfg(target_os = "linux")]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let failed = cmdchat(&["man"]).stdout(full).output().unwrap();
        assert_eq!(failed.status.code(), Some(1));
        let words = "error: cannot write to standard output: no space left on device\n";
        assert_eq!(String::from_utf8(failed.stderr).unwrap(), words);
    }
}
