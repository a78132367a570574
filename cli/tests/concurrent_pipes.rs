//! Test of several piped clients that all send faster than any of them reads.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    thread,
};

const LINES: usize = 500;
const TALKERS: [&str; 12] = [
    "anna", "berta", "clara", "dora", "emma", "frida", "gerda", "hilda", "ida", "jutta", "karla",
    "lisa",
];

fn cmdchat(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmdchat"));
    command.args(arguments).env("CMDCHAT_PASSWORD", "correct horse battery staple");
    command
}

fn serve() -> (Child, String) {
    let mut server = cmdchat(&["serve", "127.0.0.1", "0", "--rate", "0", "--quiet"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok);
    let listening = lines.into_iter().find(|line| line.starts_with("listening on ")).unwrap();
    let port = listening.split([':', ' ']).nth(3).unwrap().to_owned();
    (server, port)
}

/// The clients never wait for each other in a cycle: each prints incoming messages
/// while its outgoing messages wait.
#[test]
fn flooding_pipes_do_not_deadlock() {
    let (mut server, port) = serve();
    let talkers: Vec<_> = TALKERS
        .map(|name| {
            let mut talker = cmdchat(&["connect", "127.0.0.1", &port, name])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = talker.stdin.take().unwrap();
            thread::spawn(move || {
                for n in 0..LINES {
                    if writeln!(input, "line {n}").is_err() {
                        return;
                    }
                }
            });
            (name, thread::spawn(move || talker.wait_with_output().unwrap()))
        })
        .into_iter()
        .collect();
    for (name, talker) in talkers {
        let output = talker.join().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let own = format!(" <{name}> line ");
        let shown: Vec<_> = text.lines().filter_map(|line| line.split_once(&own)).collect();
        let expected: Vec<_> = (0..LINES).map(|n| n.to_string()).collect();
        assert_eq!(shown.iter().map(|(_, n)| *n).collect::<Vec<_>>(), expected, "{name}");
    }
    server.kill().unwrap();
    server.wait().unwrap();
}
