//! Parses the process arguments into a [`CliCommand`] or an error in this
//! program's format.

use crate::safe;
use std::any::TypeId;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};

use crate::args::secret::{InviteArg, SecretArg};
use crate::args::{Cli, CliCommand, command};
use crate::error::{Error, ExitStatus};
use crate::invite::Invite;
use crate::text::SafeText;

/// The parsed command line.
#[derive(Debug)]
pub struct Invocation {
    /// The subcommand to run.
    pub command: CliCommand,
    /// The arguments for a re-exec without secrets.
    pub again: ReexecArgs,
}

/// A command line without a command to run.
#[derive(Debug)]
pub enum ArgsError {
    /// The caller requested help or the version.
    Help(Box<clap::Error>),
    /// The arguments are invalid.
    Failed(Error),
}

impl ArgsError {
    /// Prints the help or version text.
    ///
    /// # Errors
    /// Returns the error if the arguments are invalid.
    pub fn exit(self) -> Result<ExitStatus, Error> {
        match self {
            Self::Help(help) => {
                let _ = help.print(); // a closed pipe is not an error
                Ok(if help.exit_code() == 0 { ExitStatus::Done } else { ExitStatus::Usage })
            }
            Self::Failed(error) => Err(error),
        }
    }
}

/// Parses the arguments; the first is the name of the program.
///
/// # Errors
/// Returns [`ArgsError`] if there is no command to run.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, ArgsError> {
    let args: Vec<_> = args.into_iter().collect();
    if let Some(letter) = args.get(1).and_then(|arg| arg.to_str())
        && letter.chars().count() == 1
        && letter != "-"
    {
        let what = safe![SafeText::quote(letter), " is not a command"];
        return Err(ArgsError::Failed(
            Error::usage(what).hint("run cmdchat -h to list the commands; two letters are enough"),
        ));
    }
    let mut shape = command();
    let matches = shape.try_get_matches_from_mut(args).map_err(stop)?;
    let again = ReexecArgs::new(&shape, &matches);
    let command = Cli::from_arg_matches(&matches).map_err(stop)?.command;
    Ok(Invocation { command, again })
}

/// The arguments of a re-exec, without the passphrase.
///
/// They are rebuilt from the parsed values and not copied, so that no spelling
/// of the passphrase can remain.
#[derive(Debug, Default)]
pub struct ReexecArgs {
    command: OsString,
    positionals: Vec<OsString>,
    options: Vec<OsString>,
}

impl ReexecArgs {
    fn new(shape: &clap::Command, matches: &ArgMatches) -> Self {
        let Some((name, matches)) = matches.subcommand() else {
            return Self::default();
        };
        let mut again = Self { command: name.into(), ..Self::default() };
        let known = shape.find_subcommand(name).into_iter();
        for arg in known.flat_map(clap::Command::get_arguments) {
            let id = arg.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values = matches.get_raw(id).into_iter().flatten();
            let value_type = arg.get_value_parser().type_id();
            if value_type == TypeId::of::<InviteArg>() {
                again.add(arg, values.map(public));
            } else if value_type != TypeId::of::<SecretArg>() {
                again.add(arg, values);
            }
        }
        again
    }

    fn add<'a>(&mut self, arg: &clap::Arg, values: impl Iterator<Item = &'a OsStr>) {
        match arg.get_long() {
            None => self.positionals.extend(values.map(OsStr::to_owned)),
            Some(long) if arg.get_action().takes_values() => {
                for value in values {
                    let mut option = OsString::from(format!("--{long}="));
                    option.push(value);
                    self.options.push(option);
                }
            }
            Some(long) => self.options.push(format!("--{long}").into()),
        }
    }

    /// Returns the arguments after the program name, with the passphrase to be
    /// read from file descriptor `fd`.
    #[must_use]
    pub fn with_password_fd(&self, fd: i32) -> Vec<OsString> {
        let is_option_like = |value: &OsString| value.as_encoded_bytes().starts_with(b"-");
        let fd = OsString::from(format!("--password-fd={fd}"));
        let options = self.options.iter().cloned().chain([fd]);
        let positionals = self.positionals.iter().cloned();
        let command = [self.command.clone()].into_iter();
        if self.positionals.iter().any(is_option_like) {
            command.chain(options).chain(["--".into()]).chain(positionals).collect()
        } else {
            command.chain(positionals).chain(options).collect()
        }
    }
}

/// Returns the invite without its code.
fn public(invite: &OsStr) -> &OsStr {
    invite.to_str().map_or(invite, |text| OsStr::new(Invite::public(text)))
}

/// Converts a clap error into this program's format.
fn stop(mut error: clap::Error) -> ArgsError {
    if let Some(error) = error.source().and_then(|source| source.downcast_ref::<Error>()) {
        return ArgsError::Failed(error.clone());
    }
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        return ArgsError::Help(Box::new(error));
    }
    offer_no_short_forms(&mut error);
    // "error: …", an optional list, then "tip: …" and "Usage: …" after blank lines.
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let what: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let mut error = Error::usage(SafeText::sanitize(&what.join(" ")));
    let tip = text.lines().find_map(|line| line.trim_start().strip_prefix("tip: "));
    if let Some(tip) = tip {
        error = error.hint_text(SafeText::sanitize(tip));
    }
    if let Some(usage) = text.lines().find_map(|line| line.strip_prefix("Usage: ")) {
        error = error.hint_text(safe!["usage: ", SafeText::sanitize(usage)]);
    }
    ArgsError::Failed(error)
}

/// Removes hidden aliases from the suggested subcommands.
fn offer_no_short_forms(error: &mut clap::Error) {
    if let Some(ContextValue::Strings(meant)) = error.get(ContextKind::SuggestedSubcommand) {
        let shown = command();
        let is_shown = |name: &&String| shown.get_subcommands().any(|it| it.get_name() == **name);
        let meant: Vec<_> = meant.iter().filter(is_shown).cloned().collect();
        let meant =
            if meant.is_empty() { ContextValue::None } else { ContextValue::Strings(meant) };
        error.insert(ContextKind::SuggestedSubcommand, meant);
    }
}
