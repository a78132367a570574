//! `cmdchat join`: joins a room with an invite.

use crate::commands::shared::{
    chat::{ChatTask, with_json_output},
    login,
};
use crate::{
    args::{JoinArgs, ReexecArgs, TargetArgs},
    error::{Error, ExitStatus},
    invite::{Instructions, Invite},
    secrets,
    ui::StartupNotices,
};

pub(super) fn run(mut command: JoinArgs, again: &ReexecArgs) -> Result<ExitStatus, Error> {
    with_json_output(command.looks.json, |json| {
        let (invite, source) = command.take_invite()?;
        let given = secrets::code(source, again)?;
        let Invite { place, code } = match invite {
            Some(invite) => invite,
            None => secrets::ask_for_invite()?,
        };
        let code = match given.or(code) {
            Some(code) => code,
            None => secrets::ask_for_code()?,
        };
        let name = login::username_or_prompt(command.name.as_deref())?;
        let card = Instructions::for_member(place.clone(), code.clone());
        let way = TargetArgs {
            host: place.host,
            port: place.port,
            username: name.as_str().to_owned(),
            carriage: command.carriage,
        };
        command.carriage.runtime.run(ChatTask {
            way: &way,
            looks: &command.looks,
            demands: command.demands,
            lowest: code.min_mode(),
            name,
            password: code.password(),
            notices: StartupNotices { invite: Some(card), ..StartupNotices::default() },
            json,
        })
    })
}
