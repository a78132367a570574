//! Accepted arguments, and the errors for invalid ones.

use std::ffi::OsString;
use std::time::Duration;

use crate::args::{
    ArgsError, CliCommand, ConnectArgs, Invocation, Limit, SecretSource, ServeArgs, command, parse,
};

fn typed(line: &str) -> Result<Invocation, ArgsError> {
    let words = line.split_whitespace().map(OsString::from);
    parse(std::iter::once("cmdchat".into()).chain(words))
}

fn serve(line: &str) -> (ServeArgs, SecretSource) {
    match typed(&format!("serve {line}")).unwrap() {
        Invocation { command: CliCommand::Serve(mut serve), .. } => {
            let secret = serve.take_secret();
            (*serve, secret)
        }
        other => panic!("not serve: {other:?}"),
    }
}

fn connect(line: &str) -> (ConnectArgs, SecretSource) {
    match typed(&format!("connect {line}")).unwrap() {
        Invocation { command: CliCommand::Connect(mut connect), .. } => {
            let secret = connect.take_secret();
            (connect, secret)
        }
        other => panic!("not connect: {other:?}"),
    }
}

/// Returns the error printed for an invalid command line.
fn complaint(line: &str) -> String {
    match typed(line).unwrap_err() {
        ArgsError::Failed(error) => {
            assert_eq!(error.exit as u8, 2);
            error.to_string()
        }
        ArgsError::Help(help) => panic!("help instead: {help}"),
    }
}

fn password(source: &SecretSource) -> &[u8] {
    let SecretSource::Argument(argument) = source else {
        panic!("{source:?}");
    };
    argument.expose()
}

#[test]
fn clap_definitions_are_consistent() {
    command().debug_assert();
}

#[test]
fn serve_accepts_python_program_arguments() {
    for line in [
        "0.0.0.0 3000 --password P",
        "0.0.0.0 3000 -p P",
        "-pP 0.0.0.0 3000",
        "--password=P 0.0.0.0 3000",
    ] {
        let (serve, source) = serve(line);
        assert_eq!((serve.address.to_string().as_str(), serve.port), ("0.0.0.0", 3000));
        assert_eq!(password(&source), b"P");
    }
}

#[test]
fn connect_accepts_python_program_arguments() {
    let (connect, source) = connect("localhost 3000 alice P");
    assert_eq!(
        (connect.way.host.as_str(), connect.way.port, connect.way.username.as_str()),
        ("localhost", 3000, "alice")
    );
    assert_eq!(password(&source), b"P");
    assert_eq!(connect.way.carriage.timeout, Duration::from_secs(10));
}

#[test]
fn empty_password_argument_is_accepted() {
    let args = ["cmdchat", "connect", "h", "1", "a", ""].map(OsString::from);
    let CliCommand::Connect(mut connect) = parse(args).unwrap().command else { panic!() };
    assert_eq!(password(&connect.take_secret()), b"");
}

#[test]
fn limits_have_defaults_with_zero_as_unlimited() {
    let (plain, _) = serve("::1 0");
    assert_eq!((plain.limits.max_members, plain.limits.rate), (Limit(Some(128)), Limit(Some(20))));
    assert_eq!((plain.limits.history, plain.limits.history_bytes), (1000, 4 << 20));
    assert_eq!(plain.limits.login_timeout, Limit(Some(Duration::from_secs(30))));
    assert_eq!(plain.limits.max_backlog.or_max(), 1 << 20);

    let (other, _) = serve(
        "::1 0 --rate 0 --max-members=0 --stall-timeout 0 --max-backlog 1024k --login-timeout 500ms",
    );
    assert_eq!((other.limits.rate, other.limits.max_members.or_max()), (Limit(None), usize::MAX));
    assert_eq!(other.limits.stall_timeout, Limit(None));
    assert_eq!(other.limits.max_backlog, Limit(Some(1 << 20)));
    assert_eq!(other.limits.login_timeout, Limit(Some(Duration::from_millis(500))));
}

#[test]
fn host_arguments_are_normalized() {
    for (host, bare) in [
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("fe80::1:3000", "fe80::1:3000"),
        ("example.org", "example.org"),
    ] {
        assert_eq!(connect(&format!("{host} 1 a")).0.way.host.as_str(), bare);
    }
    for (address, parsed) in [("localhost", "127.0.0.1"), ("[::]", "::"), ("::", "::")] {
        assert_eq!(serve(&format!("{address} 1")).0.address.to_string(), parsed);
    }
}

#[test]
fn invalid_arguments_give_error_and_hint() {
    for (line, words) in [
        ("connect h 99999 a", "error: \"99999\" is not a port\nhint: use a number from 1 to 65535"),
        ("connect h 0 a", "error: \"0\" is not a port\nhint: use a number from 1 to 65535"),
        ("connect h -1 a", "error: \"-1\" is not a port\nhint: use a number from 1 to 65535"),
        ("serve :: +80", "error: \"+80\" is not a port\nhint: use a number from 1 to 65535"),
        (
            "connect [fe80::1]:3000 3000 a",
            "error: cannot tell address from port in \"[fe80::1]:3000\"\nhint: write [fe80::1] 3000",
        ),
        (
            "connect example.org:3000 1 a",
            "error: cannot tell address from port in \"example.org:3000\"\nhint: write example.org 3000",
        ),
        (
            "connect fe80::1:99999 1 a",
            "error: cannot tell address from port in \"fe80::1:99999\"\nhint: separate the address from the port: fe80::1 3000",
        ),
        (
            "connect abc.onion 1 a",
            "error: .onion addresses need Tor\nhint: proxies are not supported yet; ask the host for another address",
        ),
        (
            "connect a/b 1 a",
            "error: \"a/b\" is not a host\nhint: write a name like example.org, or an address",
        ),
        (
            "serve example.org 1",
            "error: \"example.org\" is not an IP address\nhint: use 0.0.0.0 for all, or 127.0.0.1 for this machine only",
        ),
        (
            "serve 0.0.0.0:3000 1",
            "error: cannot tell address from port in \"0.0.0.0:3000\"\nhint: write 0.0.0.0 3000",
        ),
        (
            "serve :: 1 --rate fast",
            "error: \"fast\" is not a number\nhint: write digits only, for example 100",
        ),
        (
            "serve :: 1 --history-bytes 4Q",
            "error: \"4Q\" is not a size\nhint: write for example 1048576, 1024k or 4M",
        ),
        (
            "serve :: 1 --stall-timeout 99999999999999999999",
            "error: \"99999999999999999999\" is not a time\nhint: write for example 30s, 5m or 500ms",
        ),
        ("connect h 1 a --timeout 0", "error: \"0\" is too short\nhint: write for example 10s"),
        (
            "s :: 1",
            "error: \"s\" is not a command\nhint: run cmdchat -h to list the commands; two letters are enough",
        ),
    ] {
        assert_eq!(complaint(line), words);
    }
}

#[test]
fn clap_errors_use_the_same_format() {
    assert_eq!(
        complaint("connect h 1"),
        "error: the following required arguments were not provided: <USERNAME>\n\
         hint: usage: cmdchat connect [OPTIONS] HOST PORT USERNAME [PASSWORD]"
    );
    let unknown = complaint("serve :: 1 --histori 5");
    assert!(
        unknown.starts_with("error: unexpected argument '--histori' found\nhint: "),
        "{unknown}"
    );
    let command = complaint("srve :: 1");
    assert!(command.starts_with("error: unrecognized subcommand 'srve'\nhint: "), "{command}");
    for (command, what) in
        [("conect", "hint: a similar subcommand exists: 'connect'\n"), ("cx", "")]
    {
        let words = complaint(&format!("{command} :: 1"));
        assert!(words.contains(what) && !words.contains("'co'"), "{words}");
    }
}

#[test]
fn password_sources_are_exclusive() {
    for line in [
        "connect h 1 a secret --password-fd 3",
        "serve :: 1 -p secret --password-stdin",
        "serve :: 1 --password-fd 3 --password-file f",
    ] {
        let words = complaint(line);
        assert!(words.contains("cannot be used with"), "{words}");
        assert!(!words.contains("secret"), "{words}");
    }
    assert!(matches!(serve(":: 1 --password-fd 3").1, SecretSource::Fd(3)));
    assert!(matches!(connect("h 1 a --password-stdin").1, SecretSource::Stdin));
    assert!(matches!(connect("h 1 a").1, SecretSource::Unspecified));
}

#[test]
fn commands_abbreviate_to_two_letters() {
    for line in ["se :: 1", "serv :: 1", "co h 1 a", "conn h 1 a", "com bash", "ma"] {
        assert!(typed(line).is_ok(), "{line}");
    }
}

#[test]
fn reexec_arguments_omit_the_password() {
    for (line, again) in [
        ("connect h 1 alice P", "connect h 1 alice --password-fd=7"),
        (
            "conn --plain h 1 alice P --timeout 5m",
            "connect h 1 alice --timeout=5m --plain --password-fd=7",
        ),
        ("connect -- h 1 -alice P", "connect --password-fd=7 -- h 1 -alice"),
        ("serve -pP :: 1 --rate=0 --quiet", "serve :: 1 --quiet --rate=0 --password-fd=7"),
        ("serve :: 1 --password P --limit-loopback", "serve :: 1 --limit-loopback --password-fd=7"),
    ] {
        let args = typed(line).unwrap().again.with_password_fd(7);
        let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
        assert_eq!(args.join(" "), again);
        typed(again).unwrap();
    }
}

#[test]
fn short_help_fits_long_help_starts_with_examples() {
    let mut shape = command().term_width(80);
    shape.build();
    let commands = shape.clone();
    let names = commands.get_subcommands().map(clap::Command::get_name);
    for name in names.filter(|name| *name != "help").map(Some).chain([None]) {
        let command = match name {
            Some(name) => shape.find_subcommand_mut(name).unwrap(),
            None => &mut shape,
        };
        let short = command.render_help().to_string();
        assert!(short.lines().count() <= 24, "{short}");
        let long = command.render_long_help().to_string();
        assert!(long.starts_with("Examples:\n"), "{long}");
    }
}
