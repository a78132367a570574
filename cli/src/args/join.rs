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
  cmdchat join                                asks for the line of the host
  cmdchat join 192.168.1.20:3000              asks for the code
  cmdchat join [2001:db8::7]:3000 --name zoe

The code has three words for a strict room, which is then insisted on, or
seven for any. Capitals, and what stands between the words, do not matter.";

/// Enter a room with the line or the code that its host gave you.
#[derive(Args, Debug)]
#[command(
    override_usage = "cmdchat join [OPTIONS] [INVITE | HOST:PORT]",
    before_long_help = EXAMPLES
)]
pub struct JoinArgs {
    /// Where to; better left out if the code is in it
    ///
    /// HOST:PORT, or the whole line cmdchat://HOST:PORT/#CODE. On Unix a code
    /// given here is taken off the process list at once, but your shell may
    /// keep it in its history.
    #[arg(value_name = "INVITE | HOST:PORT", value_parser = invite_argument())]
    invite: Option<InviteArg>,

    /// How the others see you; without it your login name
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
    /// Where to, if that was said, and where the code is to come from; to be
    /// asked once.
    ///
    /// # Errors
    ///
    /// What was said is no invitation.
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
