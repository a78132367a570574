//! `cmdchat join`.

use crate::safe;
use std::mem;

use clap::Args;

use crate::args::demands::SecurityArgs;
use crate::args::looks::DisplayArgs;
use crate::args::secret::{InviteArg, SecretArg, SecretArgs, SecretSource, invite_argument};
use crate::args::way::TransportArgs;
use crate::error::Error;
use crate::invite::Invite;

const EXAMPLES: &str = "\
Examples:
  cmdchat join                                prompts for the invite
  cmdchat join 192.168.1.20:3000              prompts for the code
  cmdchat join [2001:db8::7]:3000 --name zoe

A code of three words requires a strict room; one of seven words joins any
room. Upper case and the separators between the words do not matter.";

/// Join a room with the invite or the code from its host
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat join [OPTIONS] [INVITE | HOST:PORT]",
    before_long_help = EXAMPLES
)]
pub struct JoinArgs {
    /// Invite or address (omit it to be prompted)
    ///
    /// HOST:PORT, or the invite cmdchat://HOST:PORT/#CODE. On Unix a code given
    /// here is removed from the process list at once, but your shell may keep
    /// it in its history.
    #[arg(value_name = "INVITE | HOST:PORT", value_parser = invite_argument())]
    invite: Option<InviteArg>,

    /// Your username (default: your login name)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    #[command(flatten)]
    pub demands: SecurityArgs,

    #[command(flatten)]
    secret: SecretArgs,

    #[command(flatten)]
    pub looks: DisplayArgs,

    #[command(flatten)]
    pub carriage: TransportArgs,
}

impl JoinArgs {
    /// Takes the invite, if one was given, and the source of the code out of the
    /// arguments; call it once.
    ///
    /// # Errors
    ///
    /// Returns an error if the argument is not an invite.
    pub fn take_invite(&mut self) -> Result<(Option<Invite>, SecretSource), Error> {
        let invite = self.invite.take().map(|invite| read(&invite)).transpose()?;
        let code = invite.as_ref().and_then(|invite| invite.code.as_ref());
        let code = code.map(|code| SecretArg::new(code.password().expose()));
        Ok((invite, mem::take(&mut self.secret).source(code)))
    }
}

fn read(invite: &InviteArg) -> Result<Invite, Error> {
    let text = std::str::from_utf8(invite.expose());
    Invite::read(text.map_err(|_| Error::usage(safe!["the invitation is not UTF-8"]))?)
}
